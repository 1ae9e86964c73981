"""Brain extraction without a network: a template head is fitted to the scan and its mask carried over."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import sha256_of
from mrisynth.imaging.brain_edge import refine_edge
from mrisynth.imaging.head_fit import HeadTemplate, scale_head
from mrisynth.imaging.resampling import resample_to_voxel
from mrisynth.imaging.template import mask_beside, t1_inside
from mrisynth.imaging.volume import read_volume

EDGE_VOXEL_MM = 2.0
ALGORITHM = "affine fit of the head, edge by intensity: 1"  # a change of it does done scans again


class Atlas:
    """Brain masks carried over from a template head, their edge drawn again by the scan's intensities.

    A deformation on top of the affine fit (SyN on 2 to 4 mm, mutual information or correlation) cost 4 to 15 CPU-s and
    left the median Dice of eight IXI heads where it was, so that none is made.

    Args:
        head_template: NIfTI of a head with its skull, or the folder of an ICBM152 2009 template as unpacked.
        head_mask: NIfTI brain mask on the same grid; None takes the file that stands beside the head as
            ``NAME_mask.nii.gz`` or ``NAME_mask.nii``.
        seed: of ANTs' random sampling.

    Raises:
        MrisynthError: a file is not there, or the mask has another grid than the head.
    """

    def __init__(self, head_template: str | Path | None, head_mask: str | Path | None, *, seed: int) -> None:
        head_path, mask_path = _files(head_template, head_mask)
        head = read_volume(head_path)
        mask = nib.as_closest_canonical(nib.load(mask_path))
        inside = np.asarray(mask.dataobj).reshape(mask.shape[:3]) > 0.5
        if inside.shape != head.shape or not np.allclose(mask.affine, head.affine, atol=1e-3) or not inside.any():
            raise MrisynthError(
                f"The head mask {mask_path} is empty or has another grid {inside.shape} than its head, {head.shape}; "
                "give both on one grid."
            )
        self._seed = seed
        self._mask = nib.Nifti1Image(inside.astype(np.float32), head.affine)
        self._template = HeadTemplate(head, inside)
        self.identity = {
            "algorithm": ALGORITHM,
            "head_template": sha256_of(head_path),
            "head_mask": sha256_of(mask_path),
            "seed": str(seed),
        }

    def mask(self, head: nib.Nifti1Image, path: Path) -> np.ndarray:
        """Return the brain mask of one head, bool [x, y, z] on its RAS+ grid.

        Raises:
            ScanError: reason ``no_brain`` when the template fits from no start.
        """
        fine = nib.affines.voxel_sizes(head.affine).min() < 0.9 * EDGE_VOXEL_MM
        working = scale_head(resample_to_voxel(head, voxel_mm=EDGE_VOXEL_MM) if fine else head)
        try:
            fit = self._template.fit(working, seed=self._seed)
        except ScanError as error:
            raise ScanError(error.reason, f"{path}: {error}") from error
        rough = _on_grid(self._mask, working, np.linalg.inv(fit.matrix)) > 0.5
        refined = refine_edge(rough, working)
        if not fine:
            return refined
        return _on_grid(nib.Nifti1Image(refined.astype(np.float32), working.affine), head, np.eye(4)) > 0.5


def _files(head_template: str | Path | None, head_mask: str | Path | None) -> tuple[Path, Path]:
    head = Path(head_template) if head_template is not None else None
    head = t1_inside(head) if head is not None and head.is_dir() else head
    beside = mask_beside(head) if head is not None and head_mask is None else None
    paths = {"head_template": head, "head_mask": head_mask or beside}
    for key, path in paths.items():
        if path is None or not Path(path).is_file():
            raise MrisynthError(f"Brain extraction `atlas` needs a NIfTI file under the key `{key}`; found {path}.")
    return Path(paths["head_template"]), Path(paths["head_mask"])


def _on_grid(image: nib.Nifti1Image, grid: nib.Nifti1Image, to_image: np.ndarray) -> np.ndarray:
    """Interpolate linearly at the voxels of a grid; ``to_image`` maps the grid's world to the image's, in mm."""
    matrix = np.linalg.inv(image.affine) @ to_image @ grid.affine
    values = np.asarray(image.dataobj, dtype=np.float32)
    return ndimage.affine_transform(values, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape[:3], order=1)
