"""Registration by nine degrees of freedom: rotation, shift and three scales."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import ScanError
from mrisynth.imaging.ants_bridge import LPS, write_linear
from mrisynth.imaging.centres import centre_of_mass
from mrisynth.imaging.sitk_bridge import sitk, to_sitk

BINS = 32
SAMPLED = 0.2  # share of the voxels that the mutual information is estimated from
LEVELS_MM = (8.0, 4.0, 2.0)
RIGID = (1.0,) * 6 + (0.0,) * 6  # versor, shift; neither scales nor skews
NINE = (1.0,) * 9 + (0.0,) * 3  # versor, shift, scales; no skews


def register_nine_dof(brain: nib.Nifti1Image, template: nib.Nifti1Image, *, seed: int, folder: Path) -> tuple[Path]:
    """Find rotation, shift and one scale along each axis of the template, without shear, as PACGAN's FLIRT with 9 dof.

    Mutual information (Mattes et al. 2003), linear interpolation, coarse to fine; first rigid from the centres of mass,
    then with the scales. One thread and the seed make the result the same bit for bit.

    Args:
        brain: float32 [x, y, z], 0 outside the brain.
        template: the template's brain, likewise.
        seed: of the sampling.
        folder: receives the file.

    Returns:
        The ANTs transform file.

    Raises:
        ScanError: reason ``registration_failed`` when the optimiser gives up.
    """
    transform = sitk.ComposeScaleSkewVersor3DTransform()
    centre = LPS @ centre_of_mass(template)
    transform.SetCenter(centre.tolist())
    transform.SetTranslation((LPS @ centre_of_mass(brain) - centre).tolist())
    fixed, moving = to_sitk(template), to_sitk(brain)
    try:
        for weights, levels_mm in ((RIGID, LEVELS_MM[:2]), (NINE, LEVELS_MM[1:])):
            _optimise(fixed, moving, transform, weights=weights, levels_mm=levels_mm, seed=seed)
    except RuntimeError as error:
        raise ScanError("registration_failed", f"SimpleITK could not register the brain: {error}") from error
    matrix = np.asarray(transform.GetMatrix()).reshape(3, 3)
    shift = np.asarray(transform.GetTranslation()) + centre - matrix @ centre
    write_linear(nib.affines.from_matvec(LPS @ matrix @ LPS, LPS @ shift), folder / "nine_dof.mat")
    return (folder / "nine_dof.mat",)


def _optimise(
    fixed: sitk.Image,
    moving: sitk.Image,
    transform: sitk.ComposeScaleSkewVersor3DTransform,
    *,
    weights: tuple[float, ...],
    levels_mm: tuple[float, ...],
    seed: int,
) -> None:
    voxel_mm = min(fixed.GetSpacing())
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(SAMPLED, seed % (2**31 - 2) + 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([max(1, round(level / voxel_mm)) for level in levels_mm])
    method.SetSmoothingSigmasPerLevel([level / 2 if level > voxel_mm else 0.0 for level in levels_mm])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-3, numberOfIterations=200, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetOptimizerWeights(list(weights))
    method.SetInitialTransform(sitk.CompositeTransform([transform]), inPlace=False)  # Execute returns no bare one
    transform.SetParameters(method.Execute(fixed, moving).GetParameters())
