"""Pictures of a condition of covariates: what sources know beside what the models of the covariates draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrisynth.conditions import Condition
from mrisynth.covariate_condition import covariate_values
from mrisynth.reporting.covariate_pairs import covariate_pairs_figure
from mrisynth.seeds import numpy_generator

_TIMES = 3  # sampled rows for each real one


def write_pairs(condition: Condition, *, joint: Path, sources: Path, seed: int) -> None:
    """Draw all covariates together, and for each source those that it knows, real beside sampled.

    The joint figure shows what is known of scans beside the same rows with their gaps filled. That of a source, and the
    joint one where there is one source alone, shows its scans beside rows that its own model draws from nothing.

    Args:
        condition: of covariates.
        joint: PNG.
        sources: folder of one PNG a source.
        seed: the study's seed.
    """
    told, table = condition.covariates, condition.table[condition.table["label"] >= 0]
    known, numbers = covariate_values(table, told.covariates), table["label"].to_numpy(dtype=np.int64)
    generator = numpy_generator(seed, "covariate pairs", condition.name)
    filled = told.completion.complete(known, numbers, generator)
    if len(told.sources) > 1:
        title = f"Covariates of {condition.name}: known, and with what is missing drawn beside it"
        gaps = np.isnan(known).any(axis=1)
        words = ("known", "with gaps filled")
        covariate_pairs_figure(known, filled[gaps], joint, covariates=told.covariates, title=title, words=words)
    sources.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate(told.sources):
        mine = known[numbers == number]
        blank = np.full((_TIMES * len(mine), len(told.covariates)), np.nan)
        drawn = told.completion.models[source].draw(blank, generator)
        title = f"Covariates that source {source} knows: of its scans, and drawn by its model"
        pictures = [sources / f"{source}.png", *([joint] if len(told.sources) == 1 else [])]
        for picture in pictures:
            covariate_pairs_figure(mine, drawn, picture, covariates=told.covariates, title=title)
