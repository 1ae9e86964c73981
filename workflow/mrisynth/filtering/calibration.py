"""Thresholds of the filter from real images: what the same scorer says of people whom nothing was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.filtering.decision import Rule, Thresholds, passing_share

_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Thresholds and what stands behind them.

    Attributes:
        thresholds: the percentile of each score over held-out real images.
        percentile: 0..100, of each score at its threshold.
        images: real images behind the means, and behind each structure.
        participants: people behind them.
        real_passing: share of these real images that reaches all thresholds together. It is below 1 - percentile / 100,
            since one image fails in this and another in that; synthetic images cannot be expected to do better.
    """

    thresholds: Thresholds
    percentile: float
    images: tuple[int, ...]
    participants: int
    real_passing: float


def calibrate(
    iou: np.ndarray,
    confidence: np.ndarray,
    *,
    structures: Sequence[str],
    participants: Sequence[str],
    percentile: float = 5.0,
) -> Calibration:
    """Return thresholds so that each is reached by all but a few of held-out real images.

    A fixed threshold means another thing to every scorer, and to every structure: an overlap of .80 is poor for white
    matter and excellent for a hippocampus. With few images a low percentile is near the smallest score of all, which
    the counts in the result tell.

    Args:
        iou, confidence: [images, structures] of real images with their own label maps, NaN = structure not there.
        structures: their names.
        participants: of each image; people whom neither the scorer nor the generator was trained on.
        percentile: of the scores, 0..100; 5 lets 95 of 100 real images reach each threshold.

    Raises:
        MrisynthError: the arrays do not belong together, the percentile is out of range, or a structure is in no image.
    """
    if not 0.0 <= percentile <= 100.0:
        raise MrisynthError(f"The percentile of the filter is {percentile}; expected 0 to 100.")
    if not len(iou) == len(confidence) == len(participants) > 0:
        raise MrisynthError(
            f"Found {len(iou)} and {len(confidence)} rows of scores and {len(participants)} participants; expected one "
            "of each for every held-out real image, and one image or more."
        )
    present = np.isfinite(iou)
    for name, count in zip(structures, present.sum(axis=0), strict=True):
        if not count:
            raise MrisynthError(
                f"No held-out real image has {name}, so that no threshold can be set for it; take more held-out "
                "people, leave the class out, or choose the published thresholds."
            )
    some = present.any(axis=1)
    iou, confidence, known = iou[some], confidence[some], present[some]

    thresholds = _thresholds(iou, confidence, known, percentile=percentile)
    real_passing = passing_share(iou, confidence, rule=Rule(thresholds=thresholds, structures=tuple(structures)))
    return Calibration(
        thresholds=thresholds, percentile=percentile, images=(len(iou), *map(int, known.sum(axis=0))),
        participants=len({participants[row] for row in np.flatnonzero(some)}), real_passing=real_passing,
    )  # fmt: skip


def _thresholds(iou: np.ndarray, confidence: np.ndarray, known: np.ndarray, *, percentile: float) -> Thresholds:
    def low(values: np.ndarray) -> float:
        return round(float(np.percentile(values, percentile)) - 10.0**-_DIGITS, _DIGITS)  # what is equal reaches it

    columns = range(iou.shape[1])
    return Thresholds(
        mean_confidence=low(np.nanmean(confidence, axis=1)), mean_iou=low(np.nanmean(iou, axis=1)),
        iou=tuple(low(iou[known[:, column], column]) for column in columns),
        confidence=tuple(low(confidence[known[:, column], column]) for column in columns),
    )  # fmt: skip
