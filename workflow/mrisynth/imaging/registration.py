"""Registration of a brain to the template, repeatable bit for bit."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic
from mrisynth.imaging import ants_presets
from mrisynth.imaging.ants_bridge import ants, from_ants, read_linear, to_ants
from mrisynth.imaging.deformation import folded_share
from mrisynth.imaging.grid import FIELD_CENTRE, FIELD_MM, empty_cube

LINEAR = ("rigid", "affine_9dof", "affine")
DEFORMABLE = ("syn", "syn_quick", "greedy", "as_published")
TRANSFORMS = (*LINEAR, *DEFORMABLE)
MATRIX_NAME = "template_to_scan.mat"
WARP_NAME = "template_to_scan_warp.nii.gz"
INTERPOLATIONS = {"linear": "linear", "nearest": "nearestNeighbor", "spline": "bSpline"}


@dataclass(frozen=True, kw_only=True)
class Registration:
    """Where the template's points lie in the scan.

    Attributes:
        files: ANTs transform files in the order that ``antsApplyTransforms -t`` wants them.
        matrix: float64 [4, 4], template world mm to scan world mm, RAS+ (of a deformable transform its affine part).
    """

    files: tuple[Path, ...]
    matrix: np.ndarray

    @classmethod
    def read(cls, folder: str | Path) -> Registration:
        """Open what :func:`register_to_template` kept in a folder."""
        kept = [Path(folder) / name for name in (WARP_NAME, MATRIX_NAME)]
        if not kept[-1].is_file():
            raise MrisynthError(f"{kept[-1]} is not there; preprocess this scan first.")
        files = tuple(path for path in kept if path.is_file())
        return cls(files=files, matrix=read_linear(files[-1]))

    def folds(self, template: nib.Nifti1Image) -> float:
        """Return the share of the template's brain in which the deformation folds, 0..1; 0 for a linear transform.

        Args:
            template: the volume that was registered to, 0 outside the brain (or its mask).
        """
        return folded_share(self.files[0], template) if len(self.files) > 1 else 0.0

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
        fine = np.asarray(self.onto(grid, image, interpolation=interpolation).dataobj)
        blocks = fine.reshape(size, finer, size, finer, size, finer).mean(axis=(1, 3, 5), dtype=np.float32)
        return nib.Nifti1Image(blocks, empty_cube(size, field_mm=field_mm, centre_mm=centre_mm).affine)

    def onto(self, grid: nib.Nifti1Image, image: nib.Nifti1Image, *, interpolation: str = "linear") -> nib.Nifti1Image:
        """Resample a volume of the scan onto the voxels of a grid in the template's world, without any averaging.

        Args:
            grid: [x, y, z], any values, in the template's world coordinates.
            image: [x, y, z] in the scan's world coordinates.
            interpolation: ``linear``, ``spline`` or ``nearest``.

        Returns:
            float32 on the grid; 0 outside the scan's field.
        """
        moved = ants.apply_transforms(
            fixed=to_ants(grid),
            moving=to_ants(image),
            transformlist=[str(path) for path in self.files],
            interpolator=INTERPOLATIONS[interpolation],
        )
        return from_ants(moved)


def register_to_template(
    brain: nib.Nifti1Image,
    template: nib.Nifti1Image,
    *,
    transform: str,
    seed: int,
    folder: str | Path,
    template_mask: nib.Nifti1Image | None = None,
) -> Registration:
    """Find the transform from template to scan by one of the presets.

    ``rigid``, ``affine`` (:mod:`~mrisynth.imaging.ants_presets`) and ``affine_9dof``
    (:mod:`~mrisynth.imaging.nine_dof`) are linear; ``syn``, ``syn_quick``, ``greedy`` (:mod:`~mrisynth.imaging.greedy`)
    and ``as_published`` (:mod:`~mrisynth.imaging.as_published`) deform. All start from the centres of mass and run in
    one thread: the same input, seed and machine give the same transform bit for bit.

    Args:
        brain: float32 [x, y, z], 0 outside the brain.
        template: the template's brain, likewise; ``as_published`` also takes a whole head.
        transform: one of ``TRANSFORMS``.
        seed: of what the preset draws at random.
        folder: receives ``template_to_scan.mat`` and, for a deformable preset, ``template_to_scan_warp.nii.gz``.
        template_mask: the template's brain mask, for ``as_published`` onto a whole head.

    Raises:
        ScanError: reason ``registration_failed`` when the preset gives up.
        MrisynthError: the preset is not known.
    """
    if transform not in TRANSFORMS:
        raise MrisynthError(f"Transform {transform!r} is not known; expected one of {', '.join(TRANSFORMS)}.")
    with tempfile.TemporaryDirectory(prefix="mrisynth-registration-") as name:
        scratch = Path(name)
        found = _find(brain, template, template_mask, transform=transform, seed=seed, folder=scratch)
        (Path(folder) / WARP_NAME).unlink(missing_ok=True)  # of another preset, from before
        files = tuple(_keep(file, Path(folder)) for file in found)
    return Registration(files=files, matrix=read_linear(files[-1]))


def _find(
    brain: nib.Nifti1Image,
    template: nib.Nifti1Image,
    template_mask: nib.Nifti1Image | None,
    *,
    transform: str,
    seed: int,
    folder: Path,
) -> tuple[Path, ...]:
    if transform in ants_presets.PRESETS:
        return ants_presets.register_with_ants(brain, template, preset=transform, seed=seed, folder=folder)
    if transform == "affine_9dof":
        from mrisynth.imaging.nine_dof import register_nine_dof  # SimpleITK takes a second to import

        return register_nine_dof(brain, template, seed=seed, folder=folder)
    if transform == "greedy":
        from mrisynth.imaging.greedy import register_with_greedy

        return register_with_greedy(brain, template, seed=seed, folder=folder)
    from mrisynth.imaging.as_published import register_as_published

    return register_as_published(brain, template, template_mask=template_mask, seed=seed, folder=folder)


def _keep(found: Path, folder: Path) -> Path:
    name = MATRIX_NAME if found.suffix == ".mat" else WARP_NAME
    with atomic(folder / name) as unfinished:
        shutil.copyfile(found, unfinished)
    return folder / name
