"""The one form of every score of a study: a value with its interval, beside what real scans reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError

Better = Literal["lower", "higher", "neither"]
SourceKind = Literal["model", "untrained", "control"]

MISSING = float("nan")


@dataclass(frozen=True, kw_only=True)
class Score:
    """One value of one metric; a row of every score table and of ``metrics.tsv``.

    Attributes:
        metric: name of the value, such as ``fid`` or ``recall``.
        model: the model whose samples were scored; a control has its own name here.
        source: ``model``, ``untrained`` (that model's generator before training), or ``control`` (a set that is
            known to be bad, or held-out real scans).
        features: the feature space, or what else was measured, such as ``voxels``.
        features_sha256: checksum of its network, or words that say there is none.
        features_trained: false for random networks.
        view: size of the volumes, with `` low`` after it for low-resolution outputs.
        reference: split of the real scans that samples were compared with.
        value: the value; missing where it cannot be computed, and ``warning`` says why.
        low, high: ends of the 95 % interval.
        floor: the same metric of real scans against other real scans at the same numbers.
        floor_low, floor_high: 5th and 95th percentile of that over draws.
        better: which values are better.
        n: real scans in a comparison, and as many samples.
        seed: seed of the draws.
        warning: what a reader must know.
    """

    metric: str
    model: str
    source: SourceKind
    features: str
    features_sha256: str
    features_trained: bool
    view: str
    reference: str
    value: float
    low: float = MISSING
    high: float = MISSING
    floor: float = MISSING
    floor_low: float = MISSING
    floor_high: float = MISSING
    better: Better
    n: int
    seed: int
    warning: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Return what tells its resampled values from those of other scores."""
        return self.model, self.source, self.features, self.view, self.reference, self.metric


COLUMNS = list(Score.__dataclass_fields__)


def score_table(scores: Iterable[Score]) -> pd.DataFrame:
    """Return scores as a table of :data:`COLUMNS`, one row each, in their order.

    Raises:
        MrisynthError: an interval or a floor's range that runs backwards: a mistake of the metric.
    """
    rows = [asdict(score) for score in scores]
    for row in rows:
        for low, high in ((row["low"], row["high"]), (row["floor_low"], row["floor_high"])):
            if not (np.isnan(low) or np.isnan(high)) and low > high:
                raise MrisynthError(f"The metric {row['metric']} of {row['model']} has a range from {low} to {high}.")
    return pd.DataFrame(rows, columns=COLUMNS)
