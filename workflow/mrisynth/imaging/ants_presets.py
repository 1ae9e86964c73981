"""Registration by the presets of antspyx."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib

from mrisynth.errors import ScanError
from mrisynth.imaging.ants_bridge import ants, ants_seed, to_ants

PRESETS = {"rigid": "Rigid", "affine": "Affine", "syn": "SyN", "syn_quick": "antsRegistrationSyNQuick[s]"}


def register_with_ants(
    brain: nib.Nifti1Image, template: nib.Nifti1Image, *, preset: str, seed: int, folder: Path
) -> tuple[Path, ...]:
    """Find the transform from template to scan with ANTs (Avants et al. 2011): mutual information, coarse to fine.

    Starts from the centres of mass. One thread and the seed make the result the same bit for bit.

    Args:
        brain: float32 [x, y, z], 0 outside the brain.
        template: the template's brain, likewise.
        preset: a key of ``PRESETS``.
        seed: of ANTs' random sampling.
        folder: receives what ANTs writes.

    Returns:
        The transform's files in the order that ``antsApplyTransforms -t`` wants them.

    Raises:
        ScanError: reason ``registration_failed`` when ANTs gives up.
    """
    with ants_seed(seed):
        try:
            found = ants.registration(
                fixed=to_ants(template),
                moving=to_ants(brain),
                type_of_transform=PRESETS[preset],
                outprefix=f"{folder}/",
            )
        except (RuntimeError, ValueError) as error:
            raise ScanError("registration_failed", f"ANTs could not register the brain: {error}") from error
    return tuple(Path(file) for file in found["fwdtransforms"])
