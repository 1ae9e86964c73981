"""The template brain that every scan is registered to."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from mrisynth.errors import MrisynthError
from mrisynth.imaging.volume import read_volume, resample_brain, resample_to_voxel

ICBM = "icbm152_2009a"


@dataclass(frozen=True, kw_only=True)
class Template:
    """A brain without its skull, and its mask.

    Attributes:
        name: what the configuration calls it.
        image: float32 [x, y, z], RAS+, 0 outside the mask.
        mask: uint8 [x, y, z], 1 inside the brain, on the same grid.
        head: float32 [x, y, z], the same with its skull; None for a template that has none.
    """

    name: str
    image: nib.Nifti1Image
    mask: nib.Nifti1Image
    head: nib.Nifti1Image | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 over grid, image, mask and head."""
        parts = (self.image.affine.astype(np.float64), self.image.dataobj, self.mask.dataobj)
        digest = hashlib.sha256()
        for part in (*parts, *([] if self.head is None else [self.head.dataobj])):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def load_template(
    name_or_path: str | Path,
    *,
    voxel_mm: float | None = None,
    mask_path: str | Path | None = None,
    head_path: str | Path | None = None,
) -> Template:
    """Load the template brain on an isotropic grid.

    Args:
        name_or_path: ``icbm152_2009a``, the ICBM152 2009a nonlinear symmetric brain that nilearn brings along, or the
            path of a NIfTI file: a head with its mask, or a brain alone (its mask is then its filled support), or a
            folder as unpacked from the archive of an ICBM152 2009 template.
        voxel_mm: isotropic voxel size to resample to; None keeps the file's own grid.
        mask_path: NIfTI mask on the template's grid, above 0.5 inside the brain; without it the file that stands beside
            the template as ``NAME_mask.nii.gz`` or ``NAME_mask.nii`` is taken when there is one.
        head_path: NIfTI of the template with its skull, on the grid that the result has; without it the template itself
            is taken when it is a head.

    Raises:
        MrisynthError: the file is missing or is no scan (a ScanError), or its mask has another grid or is empty.
    """
    if str(name_or_path) == ICBM:
        head, mask = _icbm()
    else:
        path = Path(name_or_path)
        path = t1_inside(path) if path.is_dir() else path
        head = read_volume(path)
        mask_path = mask_path or mask_beside(path)
        mask = _support(head) if mask_path is None else _read_mask(mask_path, head)
    inside = np.asarray(mask.dataobj) > 0
    brain = nib.Nifti1Image(np.where(inside, np.asarray(head.dataobj, dtype=np.float32), 0), head.affine)
    skull = head if (np.asarray(head.dataobj)[~inside] != 0).any() else None
    if voxel_mm is not None:
        brain, mask = resample_brain(brain, inside, voxel_mm=voxel_mm)
        skull = None if skull is None else resample_to_voxel(skull, voxel_mm=voxel_mm)
    skull = skull if head_path is None else read_volume(head_path)
    return Template(name=str(name_or_path), image=brain, mask=mask, head=skull)


def _icbm() -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    from nilearn.datasets import load_mni152_template

    logging.getLogger("nilearn").setLevel(logging.WARNING)
    loaded = nib.as_closest_canonical(load_mni152_template(resolution=1))
    head = nib.Nifti1Image(np.asarray(loaded.dataobj, dtype=np.float32), loaded.affine)
    return head, _support(head)


def t1_inside(folder: Path) -> Path:
    """Return the T1-weighted head in the unpacked folder of an ICBM152 2009 template; a MrisynthError without one."""
    found = sorted(path for path in folder.rglob("mni_icbm152_t1_tal_nlin_*.nii*") if "mask" not in path.name)
    if len(found) != 1:
        raise MrisynthError(
            f"The template folder {folder} holds {len(found)} files mni_icbm152_t1_tal_nlin_*.nii; expected one. "
            "Delete the folder to download it again, or give the path of a template."
        )
    return found[0]


def mask_beside(template: Path) -> Path | None:
    """Return the brain mask that stands beside a template as ``NAME_mask.nii.gz`` or ``NAME_mask.nii``, if any."""
    name = template.name.removesuffix(".gz").removesuffix(".nii")
    beside = (template.with_name(f"{name}_mask{suffix}") for suffix in (".nii.gz", ".nii"))
    return next((path for path in beside if path.is_file()), None)


def _support(brain: nib.Nifti1Image) -> nib.Nifti1Image:
    """The filled outline of a brain whose surroundings are zero."""
    filled = ndimage.binary_fill_holes(np.asarray(brain.dataobj) > 0)
    if filled.mean() > 0.6:
        raise MrisynthError(
            "The template's background is not zero, so that it looks like a head with its skull; give its brain mask "
            "beside it as NAME_mask.nii.gz, or a template without skull."
        )
    return nib.Nifti1Image(filled.astype(np.uint8), brain.affine)


def _read_mask(path: str | Path, head: nib.Nifti1Image) -> nib.Nifti1Image:
    if not Path(path).is_file():
        raise MrisynthError(f"The template mask {path} is not there; expected a NIfTI mask on the template's grid.")
    mask = nib.as_closest_canonical(nib.load(path))
    inside = np.asarray(mask.dataobj).reshape(mask.shape[:3]) > 0.5
    if inside.shape != head.shape or not np.allclose(mask.affine, head.affine, atol=1e-3):
        raise MrisynthError(
            f"The template mask {path} has another grid {inside.shape} than its template, {head.shape}; "
            "give both on one grid."
        )
    if not inside.any():
        raise MrisynthError(f"The template mask {path} is empty; expected values above 0.5 inside the brain.")
    return nib.Nifti1Image(inside.astype(np.uint8), head.affine)
