"""What a reader of conditions read, and the error that the choice of its scans makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mrisynth.metrics.class_means import Estimate, half_samples
from mrisynth.metrics.heads import LinearHead
from mrisynth.metrics.table import Better

CONFUSION_COLUMNS = ["column", "source", "asked", "read", "count", "share"]

_READERS = 20


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One value that was read, beside the same of real scans and what a blind reader gets.

    Attributes:
        metric: its name.
        better: which values are better.
        n: samples that were read.
        samples, real: of the samples, and of real scans that the reader has not seen; None where there are none.
        chance: the value of a reader that sees nothing.
        bounds: least and largest possible value.
        warning: what a reader of the value must know.
    """

    metric: str
    better: Better
    n: int = 0
    samples: Estimate | None = None
    real: Estimate | None = None
    chance: float = float("nan")
    bounds: tuple[float, float] = (0.0, 1.0)
    warning: str = ""


@dataclass
class Fidelity:
    """What was read in one feature space: ``readings``, and ``confusion`` in :data:`CONFUSION_COLUMNS`."""

    readings: list[Reading] = field(default_factory=list)
    confusion: list[dict[str, object]] = field(default_factory=list)

    def confusion_table(self) -> pd.DataFrame:
        """Return how often each asked value was read as each, one row a pair."""
        return pd.DataFrame(self.confusion, columns=CONFUSION_COLUMNS)


def reader_errors(
    fit: Callable[[np.ndarray, float | None], LinearHead],
    statistics: Sequence[Callable[[LinearHead], float]],
    *,
    classes: Sequence[str],
    groups: Sequence[str],
    penalty: float,
    seed: int,
) -> np.ndarray:
    """Return the standard error of statistics of a reader over the participants that it learned from.

    The delete-half jackknife: readers learn from halves of the participants of every class, with the penalty of the
    whole; missing (NaN) where a class has a single participant.

    Args:
        fit: takes rows, int64 [m], and the penalty.
        statistics: each takes a reader.
        classes: class of each row.
        groups: participant of each row.
        penalty: penalty of the reader that learned from all rows.
        seed: seed of the halves.
    """
    halves = half_samples(classes, groups=groups, seed=seed, halves=_READERS)
    values = [[statistic(other) for statistic in statistics] for other in (fit(rows, penalty) for rows in halves)]
    return np.std(values, axis=0, ddof=1) if values else np.full(len(statistics), np.nan)
