"""The image pipeline of the published IXI study, step by step, faults included, to compare with."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import ScanError
from mrisynth.imaging.ants_bridge import ants, ants_seed, from_ants, to_ants

ITERATIONS = (100, 100, 100, 100)
THRESHOLD = 1e-10
PYRAMID = ("-f", "8x4x2x1", "-s", "3x2x1x0vox")
LINEAR_STOP = "[1000x500x250x100,1e-6,10]"
SYN_STOP = "[200x200x200x50,1e-6,10]"


def correct_bias_as_published(head: nib.Nifti1Image) -> nib.Nifti1Image:
    """Divide out the bias field that N4 estimates on the whole head, without a mask (Tustison et al. 2010).

    Four levels of at most 100 iterations, threshold 1e-10, shrink factor 4. The brain is extracted after this step.

    Args:
        head: [x, y, z], values at or above 0.

    Returns:
        float32 [x, y, z].
    """
    corrected = ants.n4_bias_field_correction(
        to_ants(head), shrink_factor=4, convergence={"iters": list(ITERATIONS), "tol": THRESHOLD}
    )
    return from_ants(corrected)


def register_as_published(
    brain: nib.Nifti1Image,
    template: nib.Nifti1Image,
    *,
    seed: int,
    folder: Path,
    template_mask: nib.Nifti1Image | None = None,
) -> tuple[Path, ...]:
    """Find rigid, affine and SyN transforms from the template to the scan by antsRegistration, as published.

    From the centres of mass; Rigid[0.1] and Affine[0.1] by mutual information (32 bins, a regular quarter of the
    voxels), then SyN[0.1,3,0] by cross-correlation of radius 2 (Avants et al. 2008); no histogram matching. The
    published template is the whole head, the scan the brain alone, each with its brain mask. One thread and the seed
    make the result the same bit for bit.

    Args:
        brain: float32 [x, y, z], 0 outside the brain.
        template: [x, y, z], the whole head as published; a brain alone will do.
        seed: of the sampling.
        folder: receives what ANTs writes.
        template_mask: [x, y, z] on the template's grid, above 0 inside the brain; None takes the voxels of the template
            above 0.

    Returns:
        The files of the deformation and of the affine transform.

    Raises:
        ScanError: reason ``registration_failed`` when ANTs gives up.
    """
    mask = template if template_mask is None else template_mask
    volumes = {"fixed": template, "moving": brain, "fixed_mask": _above_zero(mask), "moving_mask": _above_zero(brain)}
    names = {}
    for name, volume in volumes.items():
        names[name] = str(folder / f"{name}.nii")
        ants.image_write(to_ants(volume), names[name])
    with ants_seed(seed):
        try:
            ants.registration(fixed=_arguments(**names, prefix=f"{folder}/"), moving=None)
        except RuntimeError as error:
            raise ScanError("registration_failed", f"ANTs could not register the brain: {error}") from error
    return folder / "1Warp.nii.gz", folder / "0GenericAffine.mat"


def cube_as_published(moved: nib.Nifti1Image, *, size: int = 256) -> nib.Nifti1Image:
    """Stretch a registered brain to a cube and scale it from its smallest to its largest value.

    The field of the template's grid is stretched along each axis on its own, so that voxels are no longer cubes
    (linear interpolation). The range is taken after the B-spline interpolation of the brain: where that undershot below
    0, the background lies above 0 now.

    Args:
        moved: [x, y, z] on the template's grid, from ``Registration.onto(template, brain, interpolation="spline")``.
        size: voxels a side.

    Returns:
        float32 [size, size, size] in 0..1 and its affine with a voxel size of its own along each axis.

    Raises:
        ScanError: reason ``flat_brain`` when all values are the same.
    """
    step = np.asarray(moved.shape) / size
    affine = moved.affine @ nib.affines.from_matvec(np.diag(step), (step - 1) / 2)
    grid = nib.Nifti1Image(np.zeros((size, size, size), dtype=np.float32), affine)
    stretched = ants.apply_transforms(fixed=to_ants(grid), moving=to_ants(moved), transformlist=[]).numpy()
    low, high = float(stretched.min()), float(stretched.max())
    if not high > low:
        raise ScanError("flat_brain", f"The registered brain has the value {low:g} everywhere; expected contrast.")
    return nib.Nifti1Image(((stretched - low) / (high - low)).astype(np.float32), affine)


def _above_zero(volume: nib.Nifti1Image) -> nib.Nifti1Image:
    return nib.Nifti1Image((np.asarray(volume.dataobj) > 0).astype(np.float32), volume.affine)


def _arguments(*, fixed: str, moving: str, fixed_mask: str, moving_mask: str, prefix: str) -> list[str]:
    information = ("-m", f"MI[{fixed},{moving},1,32,Regular,0.25]", "-c", LINEAR_STOP, *PYRAMID)
    correlation = ("-m", f"CC[{fixed},{moving},1,2]", "-c", SYN_STOP, *PYRAMID)
    return [
        *("-d", "3", "--float", "0", "-u", "0", "-n", "BSpline"),
        *("-r", f"[{fixed},{moving},1]"),
        *("-t", "Rigid[0.1]", *information),
        *("-t", "Affine[0.1]", *information),
        *("-t", "SyN[0.1,3,0]", *correlation),
        *("-x", f"[{fixed_mask},{moving_mask}]"),
        *("-o", prefix),
    ]
