"""Registration of a brain to the template, repeatable bit for bit."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import atomic
from mrisynth.imaging.ants_bridge import ants, ants_seed, from_ants, to_ants, world_matrix
from mrisynth.imaging.grid import FIELD_CENTRE, FIELD_MM, empty_cube

TRANSFORMS = {"rigid": "Rigid", "affine": "Affine", "syn": "SyN"}
INTERPOLATIONS = {"linear": "linear", "nearest": "nearestNeighbor", "spline": "bSpline"}


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Where the template's points lie in the scan.

    Attributes:
        files: ANTs transform files in the order that ``antsApplyTransforms -t`` wants them.
        matrix: float64 [4, 4], template world mm to scan world mm, RAS+ (for ``syn`` its affine part).
    """

    files: tuple[Path, ...]
    matrix: np.ndarray

    @property
    def volume_ratio(self) -> float:
        """Volume of the scan's brain over that of the same brain in the template."""
        return float(abs(np.linalg.det(self.matrix[:3, :3])))

    def apply(
        self,
        image: nib.Nifti1Image,
        *,
        size: int,
        field_mm: float = FIELD_MM,
        centre_mm: tuple[float, float, float] = FIELD_CENTRE,
        interpolation: str = "linear",
    ) -> nib.Nifti1Image:
        """Resample a volume of the scan onto the cube of that size about the template's field centre.

        The cube is filled on a grid finer than the scan's own voxels and averaged over whole blocks, so that a coarse
        cube shows no aliasing.

        Args:
            image: [x, y, z] in the scan's world coordinates.
            size: voxels a side of the cube.
            field_mm: its field of view.
            centre_mm: the template's world point in its middle.
            interpolation: ``linear``, ``spline`` or ``nearest`` (labels: no averaging).

        Returns:
            float32 [size, size, size], RAS+; 0 outside the scan's field.
        """
        voxel_mm = float(nib.affines.voxel_sizes(image.affine).min())
        finer = 1 if interpolation == "nearest" else max(1, round(field_mm / size / voxel_mm))
        grid = empty_cube(size * finer, field_mm=field_mm, centre_mm=centre_mm)
        moved = ants.apply_transforms(
            fixed=to_ants(grid),
            moving=to_ants(image),
            transformlist=[str(path) for path in self.files],
            interpolator=INTERPOLATIONS[interpolation],
        )
        fine = np.asarray(from_ants(moved).dataobj)
        blocks = fine.reshape(size, finer, size, finer, size, finer).mean(axis=(1, 3, 5), dtype=np.float32)
        return nib.Nifti1Image(blocks, empty_cube(size, field_mm=field_mm, centre_mm=centre_mm).affine)


def register_to_template(
    brain: nib.Nifti1Image, template: nib.Nifti1Image, *, transform: str, seed: int, folder: str | Path
) -> Registration:
    """Find the transform from template to scan with ANTs (Avants et al. 2011): mutual information, coarse to fine.

    Starts from the centres of mass. The same input, seed and machine give the same transform bit for bit.

    Args:
        brain: float32 [x, y, z], 0 outside the brain.
        template: the template's brain, likewise.
        transform: ``rigid``, ``affine`` or ``syn`` (affine, then a deformation).
        seed: of ANTs' random sampling.
        folder: receives ``template_to_scan.mat`` and, for ``syn``, ``template_to_scan_warp.nii.gz``.

    Raises:
        ScanError: reason ``registration_failed`` when ANTs gives up.
    """
    if transform not in TRANSFORMS:
        raise MrisynthError(f"Transform {transform!r} is not known; expected one of {', '.join(TRANSFORMS)}.")
    folder = Path(folder)
    with tempfile.TemporaryDirectory(prefix="mrisynth-registration-") as scratch, ants_seed(seed):
        try:
            found = ants.registration(
                fixed=to_ants(template),
                moving=to_ants(brain),
                type_of_transform=TRANSFORMS[transform],
                outprefix=f"{scratch}/",
            )
        except (RuntimeError, ValueError) as error:
            raise ScanError("registration_failed", f"ANTs could not register the brain: {error}") from error
        files = tuple(_keep(Path(file), folder) for file in found["fwdtransforms"])
    return Registration(files=files, matrix=read_matrix(files[-1]))


def read_matrix(path: str | Path) -> np.ndarray:
    """Read an ANTs affine transform file as float64 [4, 4], template world mm to scan world mm, RAS+."""
    transform = ants.read_transform(str(path))
    return world_matrix(np.asarray(transform.parameters), np.asarray(transform.fixed_parameters))


def _keep(found: Path, folder: Path) -> Path:
    name = "template_to_scan.mat" if found.suffix == ".mat" else "template_to_scan_warp.nii.gz"
    with atomic(folder / name) as unfinished:
        shutil.copyfile(found, unfinished)
    return folder / name
