"""The tables of scores that pages, exports and scorecards are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mrisynth.files import read_table
from mrisynth.metrics.verdicts import untrusted_sentences
from mrisynth.score_files import read_scores

_TEXT = ("features", "view", "metric")


@dataclass(frozen=True, kw_only=True)
class Results:
    """The scores of a study and what was made of them.

    Attributes:
        scores: of :func:`mrisynth.metrics.summary.collect`.
        pairs: of :func:`mrisynth.metrics.pairs.compare_models`.
        verdicts: of :func:`mrisynth.metrics.verdicts.control_verdicts`.
        spread: of :func:`mrisynth.metrics.replicates.seed_spread`.
    """

    scores: pd.DataFrame
    pairs: pd.DataFrame
    verdicts: pd.DataFrame
    spread: pd.DataFrame

    @property
    def untrusted(self) -> list[str]:
        """A sentence for each feature space that cannot be trusted."""
        return untrusted_sentences(self.verdicts)

    def verdict(self, features: str, view: str) -> str:
        """Return the sentence on a feature space and view that is not, or not known to be, trusted; else nothing."""
        views = self.verdicts["view"].astype(str)
        same = (self.verdicts["features"] == features) & (views == view.removesuffix(" low"))
        return " ".join(untrusted_sentences(self.verdicts[same]))

    @property
    def untrained(self) -> list[str]:
        """Names of the feature spaces whose network was never trained."""
        trained = self.scores["features_trained"].astype(bool)
        return self.scores.loc[~trained, "features"].drop_duplicates().tolist()


def read_results(
    *, metrics: str | Path, comparison: str | Path, verdicts: str | Path, replicates: str | Path
) -> Results:
    """Read ``metrics.tsv``, ``comparison.tsv``, ``controls/verdicts.tsv`` and ``replicates.tsv``."""
    text = dict.fromkeys(_TEXT, "str")
    return Results(
        scores=read_scores(metrics),
        pairs=read_table(comparison, one="str", other="str", ahead="str", **text),
        verdicts=read_table(verdicts, control="str", **text),
        spread=read_table(replicates, model="str", reference="str", **text),
    )
