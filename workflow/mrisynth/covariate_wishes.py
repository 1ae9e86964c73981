"""Wishes for covariates: the rows that samples of a model may have, some values asked for and the others drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrisynth.covariate_condition import SOURCE
from mrisynth.covariates.kinds import Covariate
from mrisynth.covariates.rows import CovariateRows
from mrisynth.errors import MrisynthError
from mrisynth.seeds import numpy_generator


@dataclass(frozen=True, kw_only=True)
class CovariateWish:
    """Values that are asked for; the others are drawn by the models of the covariates.

    Attributes:
        rows: what the model knows of covariates.
        shares: [sources], how often each source is drawn; they sum to 1.
        values: [K], what is asked for, NaN for what is drawn.
    """

    rows: CovariateRows
    shares: np.ndarray
    values: np.ndarray

    def draw(self, sample_seed: int) -> tuple[float, ...]:
        """Return the row of the sample with this seed; it has no gaps."""
        generator = numpy_generator(sample_seed, "label")
        source = np.array([generator.choice(len(self.shares), p=self.shares)])
        row = self.rows.rows(self.values[None], source)
        return tuple(self.rows.complete(row, generator)[0].tolist())


def covariate_wish_of(condition: str | int | Mapping[str, Any] | None, *, facts: Mapping[str, Any]) -> CovariateWish:
    """Return what a wish means for a model of covariates.

    Args:
        condition: a source by name or number, values of some covariates in real units and of ``source``, or None.
        facts: recipe.json of the model: ``covariates``, ``label_counts``, ``model``.

    Raises:
        MrisynthError: for a source, covariate or value that the model does not have.
    """
    rows = CovariateRows.from_dict(facts["covariates"])
    model = facts["model"]["name"]
    wanted = dict(condition) if isinstance(condition, Mapping) else {SOURCE: condition}
    source = wanted.pop(SOURCE, None)
    counts = np.array(facts["label_counts"] or [1.0], dtype=np.float64)
    shares = counts / counts.sum() if source is None else _only(source, rows, model)
    values = np.full(len(rows.covariates), np.nan)
    for name, value in wanted.items():
        if name not in rows.names:
            raise MrisynthError(f"Model {model} has no covariate {name!r}; it has {', '.join([SOURCE, *rows.names])}.")
        place = rows.names.index(name)
        values[place] = _number(rows.covariates[place], value, model)
        if rows.logarithmic[place] and values[place] <= 0:
            raise MrisynthError(f"Model {model}: {name} is {value}; expected a number above 0.")
    return CovariateWish(rows=rows, shares=shares, values=values)


def _only(source: str | int, rows: CovariateRows, model: str) -> np.ndarray:
    known = list(rows.sources)
    place = known.index(source) if source in known else source
    if not isinstance(place, int) or not 0 <= place < len(known):
        raise MrisynthError(f"Model {model} has no source {source!r}; it has {', '.join(known)}.")
    return np.eye(len(known))[place]


def _number(covariate: Covariate, value: Any, model: str) -> float:
    if covariate.categories:
        if value in covariate.categories:
            return float(covariate.categories.index(value))
        expected = f"one of {', '.join(covariate.categories)}"
    else:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if np.isfinite(number) and (covariate.kind == "continuous" or number in (0.0, 1.0)):
            return number
        expected = "a number" if covariate.kind == "continuous" else "0 or 1"
    raise MrisynthError(f"Model {model}: {covariate.name} is {value!r}; expected {expected}.")
