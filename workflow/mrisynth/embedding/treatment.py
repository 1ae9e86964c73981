"""Treatment: what is done to the values of a volume before a feature network sees them."""

from __future__ import annotations

from torch import Tensor

UNIT = "unit"
STANDARDISED = "standardised"

IN_WORDS = {
    UNIT: "values in [0, 1], background 0, no resizing, no normalisation",
    STANDARDISED: "each volume less the mean of its voxels above 0, divided by their deviation; voxels of 0 stay 0 "
    "(MedicalNet was trained with normal noise there); no resizing",
}


def treated(images: Tensor, treatment: str) -> Tensor:
    """Return volumes as a network is to see them.

    Args:
        images: float [n, 1, x, y, z] in [0, 1].
        treatment: ``unit``: as they are; ``standardised``: z-scores over the voxels above 0, and 0 elsewhere.
    """
    if treatment == UNIT:
        return images
    brain = images > 0
    count = brain.sum(dim=(1, 2, 3, 4), keepdim=True).clamp(min=1)
    mean = (images * brain).sum(dim=(1, 2, 3, 4), keepdim=True) / count
    centred = (images - mean) * brain
    deviation = (centred.square().sum(dim=(1, 2, 3, 4), keepdim=True) / count).sqrt()
    return centred / deviation.clamp(min=1e-6)
