"""Brain extraction without a network: a head template and its mask, registered to the head."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import sha256_of
from mrisynth.imaging.ants_bridge import ants, ants_seed, from_ants, to_ants
from mrisynth.imaging.volume import read_volume


class Atlas:
    """Brain masks carried over from a template head; the last resort, since it fails on some heads.

    Args:
        head_template: NIfTI of a head with its skull.
        head_mask: NIfTI brain mask on the same grid.
        seed: of ANTs' random sampling.
    """

    def __init__(self, head_template: str | Path | None, head_mask: str | Path | None, *, seed: int) -> None:
        paths = {"head_template": head_template, "head_mask": head_mask}
        for key, path in paths.items():
            if path is None or not Path(path).is_file():
                raise MrisynthError(f"Brain extraction `atlas` needs a NIfTI file under the key `{key}`; found {path}.")
        self._seed = seed
        self._template = read_volume(head_template)
        mask = nib.as_closest_canonical(nib.load(head_mask))
        self._mask = nib.Nifti1Image((np.asarray(mask.dataobj) > 0.5).astype(np.float32), mask.affine)
        self.identity = {key: sha256_of(path) for key, path in paths.items()} | {"seed": str(seed)}

    def mask(self, head: nib.Nifti1Image, path: Path) -> np.ndarray:
        """Return the brain mask of one head, bool [x, y, z] on its RAS+ grid."""
        fixed = to_ants(head)
        with tempfile.TemporaryDirectory(prefix="mrisynth-atlas-") as scratch, ants_seed(self._seed):
            try:
                found = ants.registration(
                    fixed=fixed,
                    moving=to_ants(self._template),
                    type_of_transform="antsRegistrationSyNQuick[s]",
                    outprefix=f"{scratch}/",
                )
                moved = ants.apply_transforms(
                    fixed=fixed,
                    moving=to_ants(self._mask),
                    transformlist=found["fwdtransforms"],
                    interpolator="linear",
                )
            except (RuntimeError, ValueError) as error:
                raise ScanError("no_brain", f"The head template could not be registered to {path}: {error}") from error
        return ndimage.binary_fill_holes(np.asarray(from_ants(moved).dataobj) > 0.5)
