"""Control: whether images have the covariates that were asked for, beside what real images reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.agreement import agreement, better, check_columns
from mrisynth.metrics.participant_draws import ALL, Drawn, ParticipantDraws
from mrisynth.metrics.scoring import Scored
from mrisynth.metrics.table import MISSING, Score, SourceKind, score_table

NAME = "control"
"""How the names of the numbers begin."""

COMPARISONS = ("requested", "paired", "ceiling")
"""Measured in a fake against requested, measured in a fake against measured in the real image of the same values, and
measured in the real image against its true values."""

SUMMARY = [
    "comparison", "source", "covariate", "kind", "told", "measure", "value", "low", "high", "n", "participants",
    "left_out", "warning",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ControlValues:
    """Covariates of n real images and of a fake for each, float [n, covariates] in real units, NaN = unknown.

    Attributes:
        requested: what each fake was asked for.
        measured: what is found in the fake.
        real_measured: what the same measure finds in the real image whose values were asked for.
        truth: what is true of that real image.
        names, kinds: of the covariates; kinds as in :data:`mrisynth.metrics.agreement.MEASURES`. Binary ones are 0 or
            1 (measured: a probability), categorical ones the number of the category.
        participants: of each real image.
        sources: whose style each fake was asked for, or the source of the real image.
        scales: [covariates], one standard deviation in real units, best of the training split; None takes that of the
            true values, or of the requested ones where none is known.
        told: source -> names of the covariates that it knows; None says nothing of it.

    Raises:
        MrisynthError: the arrays do not belong together, or a scale is not above 0.
    """

    requested: np.ndarray
    measured: np.ndarray
    real_measured: np.ndarray
    truth: np.ndarray
    names: Sequence[str]
    kinds: Sequence[str]
    participants: Sequence[str]
    sources: Sequence[str]
    scales: np.ndarray | None = None
    told: Mapping[str, Sequence[str]] | None = None

    def __post_init__(self) -> None:
        arrays = {name: getattr(self, name) for name in ("requested", "measured", "real_measured", "truth")}
        check_columns(arrays, self.names, self.kinds, rows=len(self.participants))
        if len(self.sources) != len(self.participants):
            raise MrisynthError(
                f"Found {len(self.participants)} participants and {len(self.sources)} sources; expected one of each "
                "for every image."
            )
        if self.scales is not None and (len(self.scales) != len(self.names) or not (np.asarray(self.scales) > 0).all()):
            raise MrisynthError(f"Found the scales {self.scales}; expected a number above 0 for each covariate.")

    def sides(self, comparison: str) -> tuple[np.ndarray, np.ndarray]:
        """Return what was found and what was wanted, [n, covariates] each."""
        return {
            "requested": (self.measured, self.requested),
            "paired": (self.measured, self.real_measured),
            "ceiling": (self.real_measured, self.truth),
        }[comparison]

    def scale(self, column: int) -> float:
        """Return one standard deviation of a covariate in real units; 1 where nothing varies."""
        if self.scales is not None:
            return float(self.scales[column])
        for values in (self.truth[:, column], self.requested[:, column]):
            known = values[np.isfinite(values)]
            if len(known) > 1 and (spread := float(known.std(ddof=1))) > 0:
                return spread
        return 1.0

    def draws(self, *, seed: int, replicates: int) -> ParticipantDraws:
        """Return the participants drawn anew."""
        return ParticipantDraws(self.participants, self.sources, seed=seed, replicates=replicates)

    def is_told(self, source: str, column: int) -> str:
        """Return whether a source knows a covariate, yes, no or n/a; of :data:`ALL` whether every one does."""
        if self.told is None:
            return "n/a"
        mine = set(self.sources) if source == ALL else {source}
        return "yes" if all(self.names[column] in self.told.get(one, ()) for one in mine) else "no"


@dataclass(frozen=True, kw_only=True)
class Control:
    """What was found.

    Attributes:
        scored: in the form of :func:`mrisynth.metrics.table.score_table`, with resampled values.
        summary: columns :data:`SUMMARY`, one row a comparison, source, covariate and measure.
    """

    scored: Scored
    summary: pd.DataFrame


def score_control(
    values: ControlValues, *, model: str, measured_by: str, view: str, measured_by_sha256: str = "none: no weights",
    trained: bool = True, source: SourceKind = "model", reference: str = "test", seed: int, replicates: int = 500,
) -> Control:  # fmt: skip
    """Return how well images have the covariates that were asked for.

    * ``control_requested_{measure}_{covariate}``: measured in the fakes against requested; the floor is the ceiling,
      measured in the real images against the truth. Fakes can pass it: a real image hides a covariate behind all else
      that is of that person, and a generator may draw it more plainly than nature does.
    * ``control_paired_{measure}_{covariate}``: measured in the fakes against measured in the real images of the same
      values, MSSG's plain error over the test set. It rewards fakes that fool the measure as real images do.

    With several sources each has its own rows, with ``_{source}`` at the end of the name. Rows in which either side is
    unknown are left out, and counted. Intervals are over participants, see
    :class:`mrisynth.metrics.participant_draws.ParticipantDraws`.

    Args:
        values: see the class.
        model, source, reference: of the scores.
        measured_by: what measured the covariates, such as ``regressor``; it stands where features stand elsewhere.
        measured_by_sha256, trained: of its weights.
        view: size of the images, such as ``slice 32``.
        seed: the study's seed.
        replicates: resamplings behind each interval.
    """
    draws = values.draws(seed=seed, replicates=replicates)
    fields = {
        "model": model, "source": source, "features": measured_by, "features_sha256": measured_by_sha256,
        "features_trained": trained, "view": view, "reference": reference, "seed": seed,
    }  # fmt: skip
    summary, scores, resampled = [], [], {}
    for where, column in ((where, column) for where in draws.sources for column in range(len(values.names))):
        found = {name: dict(estimates(values, draws, name, where, column)) for name in COMPARISONS}
        left_out = {name: _left_out(values, draws.of(where), name, column) for name in COMPARISONS}
        for comparison in COMPARISONS:
            shared = {"told": values.is_told(where, column), "left_out": left_out[comparison]}
            shared |= {"comparison": comparison, "source": where, "kind": values.kinds[column]}
            for measure, (one, rows) in found[comparison].items():
                summary.append(
                    shared | {"covariate": values.names[column], "measure": measure, "n": rows, "value": one.value}
                    | {"low": one.low, "high": one.high, "participants": one.participants, "warning": one.warning}
                )  # fmt: skip
                if comparison == "ceiling":
                    continue
                ceiling = found["ceiling"][measure][0] if comparison == "requested" else None
                name = f"{NAME}_{comparison}_{measure}_{values.names[column]}" + ("" if where == ALL else f"_{where}")
                scores.append(_score(name, measure, one, ceiling, left_out[comparison], fields))
                if np.isfinite(one.error):
                    resampled[scores[-1].key] = one.value + np.nan_to_num(one.deviations)
    return Control(scored=Scored(score_table(scores), resampled), summary=pd.DataFrame(summary, columns=SUMMARY))


def estimates(
    values: ControlValues, draws: ParticipantDraws, comparison: str, source: str, column: int
) -> Iterator[tuple[str, tuple[Drawn, int]]]:
    """Yield each measure of one covariate with its estimate and the number of images that it is of."""
    rows = known_rows(values, draws, comparison, source, column)
    for measure, one in by_draw(values, draws, comparison, rows, column).items():
        yield measure, (draws.estimate(one, rows, measure=measure), len(rows))


def known_rows(values: ControlValues, draws: ParticipantDraws, comparison: str, source: str, column: int) -> np.ndarray:
    """Return the rows of a source in which both sides of a comparison are known, int64."""
    found, wanted = values.sides(comparison)
    return np.flatnonzero(draws.of(source) & np.isfinite(found[:, column]) & np.isfinite(wanted[:, column]))


def by_draw(
    values: ControlValues, draws: ParticipantDraws, comparison: str, rows: np.ndarray, column: int
) -> dict[str, np.ndarray]:
    """Return each measure of some rows in every draw, [1 + replicates]."""
    found, wanted = (side[rows, column] for side in values.sides(comparison))
    return agreement(
        found, wanted, kind=values.kinds[column], scale=values.scale(column), weights=draws.weights[:, rows]
    )


def _left_out(values: ControlValues, mine: np.ndarray, comparison: str, column: int) -> int:
    """Return how many images have a wanted value in which nothing could be measured."""
    found, wanted = (side[mine, column] for side in values.sides(comparison))
    return int((np.isfinite(wanted) & ~np.isfinite(found)).sum())


def _score(
    name: str, measure: str, one: Drawn, ceiling: Drawn | None, left_out: int, fields: Mapping[str, Any]
) -> Score:
    low, high = (MISSING, MISSING) if ceiling is None else ceiling.range_90
    note = f"Not measured: {left_out} images." if left_out else ""
    return Score(
        metric=name, value=one.value, low=one.low, high=one.high, floor=MISSING if ceiling is None else ceiling.value,
        floor_low=low, floor_high=high, better=better(measure), n=one.participants,
        warning=" ".join(filter(None, (one.warning, note))), **fields,
    )  # fmt: skip
