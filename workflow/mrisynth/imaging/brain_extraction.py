"""Brain extraction: one interface, three methods and brains that are extracted already; a model loaded once."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import nibabel as nib
import numpy as np

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.device import usable_device
from mrisynth.imaging.extracted import MASK_NAME, support_of_brain
from mrisynth.imaging.volume import read_volume, write_volume

METHODS = ("deepbet", "hd_bet", "atlas", "none")


class Extractor(Protocol):
    """Finds the brain in heads; whatever it needs to load is loaded at the first head."""

    identity: dict[str, str]

    def mask(self, head: nib.Nifti1Image, path: Path) -> np.ndarray:
        """Return the brain mask of one head as bool [x, y, z]; a ScanError when there is none.

        Args:
            head: float32 [x, y, z], RAS+.
            path: the NIfTI file that holds it, on the same grid.
        """


class BundleExtractor:
    """Runs one method over many heads.

    Attributes:
        identity: what decides the result besides the head (method, versions, checksums of weights), for fingerprints.
    """

    def __init__(self, method: str, extractor: Extractor) -> None:
        self._extractor = extractor
        self.identity = {"method": method} | extractor.identity

    def extract(self, images: Mapping[str, Path], folder: str | Path) -> dict[str, Path | ScanError]:
        """Write ``folder/{scan}/mask.nii.gz`` (uint8, 1 inside the brain, on the head's RAS+ grid) for each head.

        Args:
            images: scan to the head's NIfTI file.
            folder: where the masks go.

        Returns:
            Scan to the mask's path, or to the ScanError that says why there is none (``no_brain``, or a reason of
            :func:`~mrisynth.imaging.volume.read_volume`). Lack of memory and a full disk are raised: they are no fault
            of the scan.
        """
        return {scan: self._extract_one(path, Path(folder) / scan / MASK_NAME) for scan, path in images.items()}

    def _extract_one(self, path: Path, target: Path) -> Path | ScanError:
        try:
            head = read_volume(path)
            mask = np.asarray(self._extractor.mask(head, path), dtype=bool)
            if not mask.any():
                raise ScanError("no_brain", f"No brain was found in {path}; look at the picture of the head.")
            if mask.shape != head.shape:
                raise MrisynthError(f"The mask of {path} has shape {mask.shape}, the head {head.shape}.")
        except ScanError as error:
            return error
        write_volume(nib.Nifti1Image(mask.astype(np.uint8), head.affine), target, dtype="uint8")
        return target


def make_extractor(
    method: str,
    *,
    device: str = "cpu",
    weights: str | Path | None = None,
    test_time_augmentation: bool = False,
    head_template: str | Path | None = None,
    head_mask: str | Path | None = None,
    seed: int = 0,
) -> BundleExtractor:
    """Return the extractor of a method.

    Args:
        method: ``deepbet`` (Fisch et al. 2024, models in its wheel), ``hd_bet`` (Isensee et al. 2019, needs
            ``weights``), ``atlas`` (a template head and its mask, fitted with ANTs) or ``none`` (the configuration's
            ``already_extracted``: the mask is where the filled image is above zero).
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``auto``; of the two networks.
        weights: HD-BET's folder ``release_2.0.0``.
        test_time_augmentation: HD-BET's mirroring; eight times the work, so leave it off on a CPU.
        head_template: template head with its skull, for ``atlas``: a file or the folder of an ICBM152 2009 template.
        head_mask: its brain mask; None takes the file beside it.
        seed: of the atlas registration.

    Raises:
        MrisynthError: unknown method, or what the method needs is missing.
    """
    if method == "deepbet":
        return BundleExtractor(method, _Deepbet(device))
    if method == "hd_bet":
        from mrisynth.imaging.hd_bet import HdBet

        return BundleExtractor(method, HdBet(weights, device=device, test_time_augmentation=test_time_augmentation))
    if method == "atlas":
        from mrisynth.imaging.atlas import Atlas

        return BundleExtractor(method, Atlas(head_template, head_mask, seed=seed))
    if method == "none":
        return BundleExtractor(method, _AlreadyExtracted())
    raise MrisynthError(f"Brain extraction {method!r} is not known; expected one of {', '.join(METHODS)}.")


class _Deepbet:
    """The two networks of deepbet, called in this process."""

    def __init__(self, device: str) -> None:
        self.identity = {"deepbet": importlib.metadata.version("deepbet")}
        self._device = device
        self._networks = None

    def mask(self, head: nib.Nifti1Image, path: Path) -> np.ndarray:
        try:
            _, mask, _ = self._loaded().run(head)
        except (AssertionError, ValueError, IndexError) as error:
            raise ScanError(
                "no_brain", f"deepbet found no brain in {path} ({error}); look at the picture of the head."
            ) from error
        return np.asarray(mask.dataobj) > 0

    def _loaded(self):  # noqa: ANN202 (a class of a library that is imported here)
        if self._networks is None:
            import torch
            from deepbet.bet import BrainExtraction

            device = torch.device(usable_device(self._device))
            self._networks = BrainExtraction(no_gpu=True)
            self._networks.model.to(device)
            self._networks.bbox_model.to(device)
            logging.getLogger(__name__).info("deepbet on %s", device)
        return self._networks


class _AlreadyExtracted:
    """Brains without skull."""

    def __init__(self) -> None:
        self.identity: dict[str, str] = {}

    def mask(self, head: nib.Nifti1Image, path: Path) -> np.ndarray:
        return support_of_brain(head, path)
