"""What all scores of one feature space, or of the voxels, share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrisynth.metrics.table import Better, Score, SourceKind


@dataclass(frozen=True)
class Origin:
    """What all rows of one table share; :meth:`row` makes one of them.

    Attributes:
        features, features_sha256, features_trained, view, seed: as in :class:`mrisynth.metrics.table.Score`.
        sentences: end every warning.
    """

    features: str
    features_sha256: str
    features_trained: bool
    view: str
    seed: int
    sentences: tuple[str, ...] = ()

    def row(
        self, metric: str, source: tuple[str, SourceKind], *, better: Better, n: int, floors: Sequence[float] = (),
        sentence: str = "", **numbers: Any,
    ) -> Score:  # fmt: skip
        """Return a score against the training scans.

        Args:
            metric, better, n: as in :class:`mrisynth.metrics.table.Score`.
            source: name and kind of what was scored.
            floors: the values of real against real scans over the draws; those that are missing do not count.
            sentence: begins the warning.
            numbers: ``value``, and ``low`` and ``high`` where there is an interval.
        """
        known = np.array([floor for floor in floors if np.isfinite(floor)])
        low, high = np.percentile(known, (5, 95)) if len(known) else (np.nan, np.nan)
        floor = {"floor": float(known.mean()), "floor_low": float(low), "floor_high": float(high)} if len(known) else {}
        return Score(
            metric=metric, model=source[0], source=source[1], features=self.features,
            features_sha256=self.features_sha256, features_trained=self.features_trained, view=self.view,
            reference="train", better=better, n=n, seed=self.seed,
            warning=" ".join(words for words in (sentence, *self.sentences) if words), **floor, **numbers,
        )  # fmt: skip
