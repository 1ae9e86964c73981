"""Is this preprocessed scan fit for training? Measures, thresholds and a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Real heads at 2 mm (24 of IXI, 8 others): overlap 0.942..0.967, correlation 0.55..0.80. Some of them upside down,
# back to front, rolled over, with half a mask or without their top: overlap at most 0.891, correlation at most 0.413.
# A rigid registration keeps a small brain small, and tells them apart less well (0.377 or more; 0.320 or less).
LEAST_OVERLAP = {"rigid": 0.6, "affine": 0.92, "syn": 0.92}
LEAST_CORRELATION = {"rigid": 0.35, "affine": 0.45, "syn": 0.45}


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Outside these limits a scan is excluded.

    Attributes:
        brain_ml: smallest and largest brain volume of an extraction, mL.
        overlap: least Dice of the registered mask with the template's mask; None takes it from ``LEAST_OVERLAP``.
        correlation: least Pearson correlation with the template over the union of both masks; None takes it from
            ``LEAST_CORRELATION``.
        volume_ratio: smallest and largest volume of the scan's brain over the template's (from the transform).
        cut_fraction: largest share of the brain mask that lies on the border of the scan's own field.
        outside_fraction: largest share of the registered mask that lies on the border of the cube.
    """

    brain_ml: tuple[float, float] = (850.0, 2200.0)
    overlap: float | None = None
    correlation: float | None = None
    volume_ratio: tuple[float, float] = (0.4, 1.6)
    cut_fraction: float = 0.02
    outside_fraction: float = 0.001


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``passed`` or the reason and one sentence."""

    reason: str = ""
    message: str = ""

    @property
    def status(self) -> str:
        """``passed`` or ``excluded``."""
        return "excluded" if self.reason else "passed"


def measure_extraction(mask: np.ndarray, *, voxel_mm: float) -> dict[str, float]:
    """Return brain volume (mL) and the share of the mask on the border of the scan's field.

    Args:
        mask: bool [x, y, z] on an isotropic grid.
        voxel_mm: edge of its voxels.
    """
    return {
        "brain_ml": float(mask.sum()) * voxel_mm**3 / 1000.0,
        "cut_fraction": border_fraction(mask),
    }


def measure_registration(
    brain: np.ndarray, mask: np.ndarray, template: np.ndarray, template_mask: np.ndarray, *, volume_ratio: float
) -> dict[str, float]:
    """Compare a registered brain with the template; all arrays [x, y, z] on the same cube.

    Returns:
        ``overlap`` (Dice of the masks, 0..1), ``correlation`` (Pearson over the union of the masks, -1..1, 0 when
        flat), ``volume_ratio`` and ``outside_fraction``.
    """
    return {
        "overlap": dice(mask, template_mask),
        "correlation": _correlation(brain, template, mask | template_mask),
        "volume_ratio": volume_ratio,
        "outside_fraction": border_fraction(mask),
    }


def judge_extraction(measures: dict[str, float], thresholds: Thresholds) -> Verdict:
    """Judge the measures of an extraction."""
    low, high = thresholds.brain_ml
    if not low <= measures["brain_ml"] <= high:
        return Verdict(
            reason="brain_volume",
            message=f"The brain mask holds {measures['brain_ml']:.0f} mL; expected {low:.0f} to {high:.0f} mL.",
        )
    if measures["cut_fraction"] > thresholds.cut_fraction:
        return Verdict(
            reason="brain_cut",
            message=f"{measures['cut_fraction']:.1%} of the brain mask lies on the border of the scan's field; "
            f"expected at most {thresholds.cut_fraction:.1%}, so the scan does not show the whole brain.",
        )
    return Verdict()


def judge_registration(measures: dict[str, float], thresholds: Thresholds, *, transform: str = "affine") -> Verdict:
    """Judge the measures of a ``rigid``, ``affine`` or ``syn`` registration."""
    low, high = thresholds.volume_ratio
    overlap = thresholds.overlap if thresholds.overlap is not None else LEAST_OVERLAP[transform]
    correlation = thresholds.correlation if thresholds.correlation is not None else LEAST_CORRELATION[transform]
    if measures["overlap"] < overlap:
        return Verdict(
            reason="overlap",
            message=f"The registered mask overlaps the template's with Dice {measures['overlap']:.3f}; expected at "
            f"least {overlap:g}.",
        )
    if measures["correlation"] < correlation:
        return Verdict(
            reason="correlation",
            message=f"The registered brain correlates with the template by {measures['correlation']:.2f}; expected at "
            f"least {correlation:g}.",
        )
    if not low <= measures["volume_ratio"] <= high:
        return Verdict(
            reason="volume_ratio",
            message=f"Registration changed the brain's volume by a factor of {measures['volume_ratio']:.2f}; expected "
            f"{low:g} to {high:g}.",
        )
    if measures["outside_fraction"] > thresholds.outside_fraction:
        return Verdict(
            reason="outside_field",
            message=f"{measures['outside_fraction']:.2%} of the registered brain lies on the border of the cube; "
            f"expected at most {thresholds.outside_fraction:.2%}.",
        )
    return Verdict()


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Dice overlap of two masks, 0..1; two empty masks give 0."""
    total = int(first.sum()) + int(second.sum())
    return 2.0 * int((first & second).sum()) / total if total else 0.0


def border_fraction(mask: np.ndarray) -> float:
    """Return the share of a mask's voxels that lie in the outermost layer of the array."""
    inner = mask[1:-1, 1:-1, 1:-1].sum()
    total = mask.sum()
    return float((total - inner) / total) if total else 0.0


def _correlation(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> float:
    a, b = first[where].astype(np.float64), second[where].astype(np.float64)
    if a.size < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
