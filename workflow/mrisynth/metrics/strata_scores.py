"""The strata prediction score of MSSG: predictions of fakes against those of reals of the same label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.agreement import better, check_columns, correlation_of, products
from mrisynth.metrics.participant_draws import Drawn, ParticipantDraws
from mrisynth.metrics.scoring import Scored
from mrisynth.metrics.strata import StrataPlan, bounds_row
from mrisynth.metrics.table import MISSING, Score, SourceKind, score_table

NAME = "strata"
"""How the names of the numbers begin."""

MEASURES = ("mse", "mae", "corr", "standardised_mse", "standardised_mae")
SUMMARY = [
    "covariate", "kind", "measure", "weighted", "low", "high", "mean", "sd", "strata", "left_out", "reals",
    "participants", "warning",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Strata:
    """What was found.

    Attributes:
        scored: the weighted means, in the form of :func:`mrisynth.metrics.table.score_table`.
        table: one row a covariate and stratum: ``covariate``, ``stratum``, ``num_samples``, ``reals``, the bounds of
            the stratum and :data:`MEASURES`.
        summary: columns :data:`SUMMARY`; over the strata the mean weighted by their real images, the plain mean and
            the standard deviation; ``left_out`` counts strata without the measure.
    """

    scored: Scored
    table: pd.DataFrame
    summary: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What one regressor says, [., covariates] in real units; binary covariates as probabilities.

    Attributes:
        fakes: of the fake of each of the plan's rows.
        reals: of each real test image.
        truth: true values of the real test images; needed of binary covariates alone.
        names, kinds: of the covariates, continuous or binary.
        scales: [covariates], one standard deviation in real units, of the training split.
        participants, sources: of each real test image.
    """

    fakes: np.ndarray
    reals: np.ndarray
    truth: np.ndarray
    names: Sequence[str]
    kinds: Sequence[str]
    scales: Sequence[float]
    participants: Sequence[str]
    sources: Sequence[str]

    def __post_init__(self) -> None:
        check_columns({"real": self.reals, "true": self.truth}, self.names, self.kinds, rows=len(self.participants))
        check_columns({"fake": self.fakes}, self.names, self.kinds, rows=len(self.fakes))
        if (
            "categorical" in self.kinds
            or len(self.scales) != len(self.names)
            or not (np.asarray(self.scales) > 0).all()
        ):
            raise MrisynthError(
                f"Found the kinds {', '.join(self.kinds)} and the scales {list(self.scales)}; the strata prediction "
                "score is of continuous and binary covariates with a scale above 0 each."
            )


def score_strata(
    plan: StrataPlan, found: Predictions, *, model: str, measured_by: str, view: str,
    measured_by_sha256: str = "none: no weights", trained: bool = True, source: SourceKind = "model",
    reference: str = "test", seed: int, replicates: int = 500,
) -> Strata:  # fmt: skip
    """Return mean squared error, mean absolute error and Pearson's r between predictions, stratum by stratum.

    Of a fake and the real image whose whole label it was given; r of a binary covariate is of the prediction of the
    fake and the true label, as in the original. Squared and absolute errors stand in real units and ``standardised_``.
    A pair in which a prediction is missing (NaN) is left out. Intervals of the weighted means are over participants.

    Args:
        plan: of :func:`mrisynth.metrics.strata.plan_strata`.
        found: the predictions.
        model, source, reference: of the scores.
        measured_by, measured_by_sha256, trained: the regressor and its weights.
        view: size of the images.
        seed: the study's seed.
        replicates: resamplings behind each interval.

    Raises:
        MrisynthError: there is not one fake for each row of the plan.
    """
    if len(found.fakes) != len(plan.rows):
        raise MrisynthError(f"Found {len(found.fakes)} fakes for the {len(plan.rows)} rows of the plan of strata.")
    draws = ParticipantDraws(found.participants, found.sources, seed=seed, replicates=replicates)
    fields = {
        "model": model, "source": source, "features": measured_by, "features_sha256": measured_by_sha256,
        "features_trained": trained, "view": view, "reference": reference, "seed": seed,
    }  # fmt: skip
    tables, summary, scores, resampled = [], [], [], {}
    placed = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *(one.reals for one in plan.strata)]))
    for column, name in enumerate(found.names):
        by_stratum, reals = _by_stratum(plan, found, draws, column)
        tables.append(_listed(plan, name, by_stratum[0]))
        for number, measure in enumerate(MEASURES):
            kept = np.isfinite(by_stratum[0, :, number])
            means = _weighted(by_stratum[:, kept, number], reals[:, kept])
            kind = "r" if measure == "corr" else measure
            one = draws.estimate(means, placed, measure=kind)
            row = _row(one, by_stratum[0, kept, number], left_out=int((~kept).sum()))
            row |= {"covariate": name, "kind": found.kinds[column], "measure": measure}
            summary.append(row | {"reals": int(reals[0, kept].sum())})
            score = Score(
                metric=f"{NAME}_{measure}_{name}", value=one.value, low=one.low, high=one.high, better=better(kind),
                n=one.participants, warning=" ".join(filter(None, (one.warning, _note(plan)))), **fields,
            )  # fmt: skip
            scores.append(score)
            if np.isfinite(one.error):
                resampled[score.key] = one.value + np.nan_to_num(one.deviations)
    return Strata(
        scored=Scored(score_table(scores), resampled), table=pd.concat(tables, ignore_index=True),
        summary=pd.DataFrame(summary, columns=SUMMARY),
    )  # fmt: skip


def _by_stratum(
    plan: StrataPlan, found: Predictions, draws: ParticipantDraws, column: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the measures in every draw [draws, strata, measures] and the real images of each [draws, strata]."""
    measures, reals, start = [], [], 0
    for one in plan.strata:
        fakes = found.fakes[start : start + len(one.drawn), column]
        start += len(one.drawn)
        scale = float(found.scales[column])
        wanted = found.truth[:, column] if found.kinds[column] == "binary" else found.reals[:, column]
        seen = np.isfinite(fakes) & np.isfinite(found.reals[one.drawn, column]) & np.isfinite(wanted[one.drawn])
        rows, fakes = one.drawn[seen], fakes[seen]
        error = fakes - found.reals[rows, column]
        parts = np.stack([np.ones_like(error), error**2, np.abs(error)], axis=1)
        pairs = products(fakes, wanted[rows]) if len(rows) else np.empty((0, 6))
        sums = np.zeros((len(found.reals), 9))  # of the pairs of each real image: all that the measures need
        np.add.at(sums, rows, np.concatenate([parts, pairs], axis=1))
        mine = np.unique(rows)
        drawn = draws.weights[:, mine] @ sums[mine]
        with np.errstate(divide="ignore", invalid="ignore"):
            mse, mae = (drawn[:, number] / drawn[:, 0] for number in (1, 2))
        r = correlation_of(drawn[:, 3:])
        measures.append(np.stack([mse, mae, r, mse / scale**2, mae / scale], axis=1))
        reals.append(draws.weights[:, one.reals].sum(axis=1))
    if not measures:
        return np.empty((len(draws.weights), 0, len(MEASURES))), np.empty((len(draws.weights), 0))
    return np.stack(measures, axis=1), np.stack(reals, axis=1)


def _weighted(values: np.ndarray, reals: np.ndarray) -> np.ndarray:
    """Return the means over strata [draws], of those that have the measure in the draw."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    known = np.where(np.isfinite(values), reals, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (np.nan_to_num(values) * known).sum(axis=1) / known.sum(axis=1)


def _row(one: Drawn, values: np.ndarray, *, left_out: int) -> dict[str, Any]:
    mean = float(values.mean()) if len(values) else MISSING
    return {
        "weighted": one.value, "low": one.low, "high": one.high, "mean": mean,
        "sd": float(values.std(ddof=1)) if len(values) > 1 else MISSING, "strata": len(values), "left_out": left_out,
        "participants": one.participants, "warning": one.warning,
    }  # fmt: skip


def _listed(plan: StrataPlan, name: str, values: np.ndarray) -> pd.DataFrame:
    rows = [
        {"covariate": name, "stratum": number, "num_samples": len(one.drawn), "reals": len(one.reals)}
        | bounds_row(plan.covariates, one.bounds)
        | dict(zip(MEASURES, found.tolist(), strict=True))
        for number, (one, found) in enumerate(zip(plan.strata, values, strict=True))
    ]
    first = ["covariate", "stratum", "num_samples", "reals"]
    bounds = list(bounds_row(plan.covariates, [(0.0, 0.0)] * len(plan.covariates)))
    return pd.DataFrame(rows, columns=[*first, *bounds, *MEASURES])


def _note(plan: StrataPlan) -> str:
    parts = []
    if len(plan.skipped):
        parts.append(f"{len(plan.skipped)} strata have too few real images.")
    if plan.unplaced:
        parts.append(f"{plan.unplaced} real images are in no stratum.")
    if plan.unbalanced:
        parts.append(f"{plan.unbalanced} strata lack a source.")
    return " ".join(parts)
