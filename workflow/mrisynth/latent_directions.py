"""Directions among latents along which a covariate changes, with scores on scans that they were not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.seeds import derive_seed, numpy_generator

FEWEST = 20
"""Scans with a value that a direction needs."""

_PENALTIES = tuple(float(power) for power in 10.0 ** np.arange(-2, 7))
_SHUFFLES = 20


@dataclass(frozen=True, kw_only=True)
class Direction:
    """Where a covariate grows.

    Attributes:
        covariate: its name.
        towards: the value that it grows towards: ``more``, or the second of two values in their order.
        unit: float64 [latent], length 1.
        change: by how much the covariate is predicted to grow along one unit of latent: in the covariate's own unit, or
            as a share of the way from the first of two values to the second.
        centre: mean latent of the scans that it was fitted to [latent].
        mean: mean of the covariate there.
        penalty: of the ridge regression.
        n: scans that it was fitted to.
        r2: share of the variance that is predicted in held-out folds; below 0 is worse than their mean.
        r2_chance: largest such share among shufflings of the covariate; a direction with less is none.
    """

    covariate: str
    towards: str
    unit: np.ndarray
    change: float
    centre: np.ndarray
    mean: float
    penalty: float
    n: int
    r2: float
    r2_chance: float

    def predict(self, latents: np.ndarray) -> np.ndarray:
        """Return the predicted covariate of latents [n, latent]."""
        return self.mean + (latents - self.centre) @ self.unit * self.change

    def score(self, latents: np.ndarray, values: np.ndarray) -> float:
        """Return R2 on scans that the direction was not fitted to, against the mean of those it was fitted to."""
        known = np.isfinite(values)
        if known.sum() < 2:
            return float("nan")
        return _r2(values[known], self.predict(latents[known]), baseline=self.mean)


def numbers_of(column: pd.Series) -> tuple[np.ndarray, str] | None:
    """Return a covariate as float64 with NaN for missing, and what it grows towards; None for what has no order.

    Numbers stay what they are. Two values in words, or two numbers, become 0 and 1 in their order.
    """
    found = sorted(column.dropna().unique())
    if len(found) == 2:
        return column.map({found[0]: 0.0, found[1]: 1.0}).astype(float).to_numpy(), str(found[1])
    if len(found) > 2 and pd.api.types.is_numeric_dtype(column):
        return column.astype(float).to_numpy(dtype=np.float64, na_value=np.nan), "more"
    return None


def find_directions(
    latents: np.ndarray, covariates: pd.DataFrame, *, groups: Sequence[str], seed: int, folds: int = 5
) -> list[Direction]:
    """Return a direction for each numeric or two-valued covariate that enough scans have.

    A ridge regression of the standardised covariate on the latents; its penalty is the one with the smallest
    leave-one-out error, chosen anew inside every fold. Folds are by person.

    Args:
        latents: [n, latent].
        covariates: one row a scan, one column a covariate.
        groups: the person of each scan.
        seed: of the folds and the shufflings.
        folds: number of folds.

    Raises:
        MrisynthError: rows do not match, or fewer than two folds.
    """
    if not len(latents) == len(covariates) == len(groups) or folds < 2:
        raise MrisynthError(
            f"Found {len(latents)} latents, {len(covariates)} rows of covariates, {len(groups)} persons and {folds} "
            "folds; expected one row each and two folds or more."
        )
    latents, persons = np.asarray(latents, dtype=np.float64), np.asarray(groups)
    found = []
    for name in covariates:
        numbers = numbers_of(covariates[name])
        if numbers is None:
            continue
        values, towards = numbers
        known = np.isfinite(values)
        if known.sum() < FEWEST or len(set(persons[known])) < folds or values[known].std() == 0:
            continue
        found.append(
            _direction(str(name), towards, latents[known], values[known], persons[known], seed=seed, folds=folds)
        )
    return found


def _direction(
    name: str, towards: str, latents: np.ndarray, values: np.ndarray, persons: np.ndarray, *, seed: int, folds: int
) -> Direction:
    fold = _folds(persons, folds=folds, seed=seed)
    slopes, penalty = _ridge(latents, values)
    shuffled = (numpy_generator(seed, "direction", name, run).permutation(values) for run in range(_SHUFFLES))
    length = float(np.linalg.norm(slopes))
    return Direction(
        covariate=name,
        towards=towards,
        unit=slopes / length if length else slopes,
        change=length,
        centre=latents.mean(axis=0),
        mean=float(values.mean()),
        penalty=penalty,
        n=len(values),
        r2=_held_out(latents, values, fold),
        r2_chance=max(_held_out(latents, other, fold) for other in shuffled),
    )


def _folds(persons: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each scan: persons in the order of a hash, dealt out one by one."""
    order = sorted(set(persons.tolist()), key=lambda person: derive_seed(seed, "fold", str(person)))
    fold_of = {person: place % folds for place, person in enumerate(order)}
    return np.array([fold_of[person] for person in persons.tolist()])


def _held_out(latents: np.ndarray, values: np.ndarray, fold: np.ndarray) -> float:
    predicted, baseline = np.empty_like(values), np.empty_like(values)
    for number in np.unique(fold):
        inside = fold != number
        slopes, _ = _ridge(latents[inside], values[inside])
        baseline[~inside] = values[inside].mean()
        predicted[~inside] = baseline[~inside] + (latents[~inside] - latents[inside].mean(axis=0)) @ slopes
    return _r2(values, predicted, baseline=baseline)


def _ridge(latents: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the slopes [latent] and the penalty with the smallest leave-one-out error, in closed form."""
    spread = values.std() or 1.0
    y = (values - values.mean()) / spread
    U, s, Vt = np.linalg.svd(latents - latents.mean(axis=0), full_matrices=False)
    seen = U.T @ y
    best, penalty = np.inf, _PENALTIES[-1]
    for candidate in _PENALTIES:
        kept = s**2 / (s**2 + candidate)
        leverage = (U**2) @ kept + 1 / len(y)
        error = float((((y - U @ (kept * seen)) / np.clip(1 - leverage, 1e-9, None)) ** 2).mean())
        if error < best:
            best, penalty = error, candidate
    return Vt.T @ (s / (s**2 + penalty) * seen) * spread, penalty


def _r2(values: np.ndarray, predicted: np.ndarray, *, baseline: np.ndarray | float) -> float:
    around = float(((values - baseline) ** 2).sum())
    return 1 - float(((values - predicted) ** 2).sum()) / around if around else float("nan")
