"""Scores of one model, or of the controls of one size, in every feature space of the study."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mrisynth.embeddings import Embeddings, feature_spaces
from mrisynth.metrics.scoring import Reals, Scored, Source, score_sources

LOW = ".low"
"""Ending of the sources in low resolution; their view has ` low` after the size."""


def score_model(
    name: str, found: Mapping[tuple[str, str], Embeddings], *, model: str, scans: pd.DataFrame, seed: int,
    draws: int, replicates: int, k: int,
) -> Scored:  # fmt: skip
    """Return the scores of a model, of its untrained generator and of its low resolution in each feature space.

    Args:
        name: the metric.
        found: (features, source) -> embeddings; the sources are ``real``, the model's name, ``{model}.untrained``,
            and where they are scored ``real.low`` and ``{model}.low``.
        scans: the scans table, with ``scan``, ``participant_id`` and ``split``.
        seed, draws, replicates, k: as in :func:`mrisynth.metrics.scoring.score_sources`.
    """
    parts = []
    for space in feature_spaces(found):
        for ending in ("", LOW):
            if (space, f"real{ending}") not in found:
                continue
            sources = [Source(model, "model", found[space, f"{model}{ending}"])]
            if not ending:
                sources.append(Source(model, "untrained", found[space, f"{model}.untrained"]))
            real = found[space, f"real{ending}"]
            view = f"{real.meta['view']}{' low' if ending else ''}"
            parts.append(
                score_sources(
                    name, real=Reals.of(real, scans), sources=sources, view=view, seed=seed, draws=draws,
                    replicates=replicates, k=k,
                )
            )  # fmt: skip
    return _together(parts)


def score_controls(
    name: str, found: Mapping[tuple[str, str], Embeddings], *, scans: pd.DataFrame, seed: int,
    draws: int, replicates: int, k: int,
) -> Scored:  # fmt: skip
    """Return the scores of controls in each feature space; arguments as :func:`score_model`.

    Args:
        found: (features, source) -> embeddings; the sources are ``real`` and ``control.{name}``.
    """
    parts = []
    for space in feature_spaces(found):
        sources = [
            Source(source.removeprefix("control."), "control", embeddings)
            for (features, source), embeddings in found.items()
            if features == space and source != "real"
        ]
        real = found[space, "real"]
        parts.append(
            score_sources(
                name, real=Reals.of(real, scans), sources=sources, view=str(real.meta["view"]), seed=seed, draws=draws,
                replicates=replicates, k=k,
            )
        )  # fmt: skip
    return _together(parts)


def _together(parts: list[Scored]) -> Scored:
    replicates = {key: values for part in parts for key, values in part.replicates.items()}
    return Scored(pd.concat([part.table for part in parts], ignore_index=True), replicates)
