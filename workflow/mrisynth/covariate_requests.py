"""What to ask a generator for in figures of control: grids over two covariates, and extremes of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrisynth.covariates.kinds import Covariate
from mrisynth.errors import MrisynthError

LOW, HIGH = 0.02, 0.98
"""Quantiles of the known values between which covariates are asked for."""


def middle_values(values: np.ndarray, covariates: Sequence[Covariate]) -> np.ndarray:
    """Return the mean of each continuous covariate and the commonest level of the others, float64 [covariates].

    Args:
        values: [n, covariates] of the training split in real units, NaN = unknown.
        covariates: of the columns.

    Raises:
        MrisynthError: a covariate is known of no scan.
    """
    found = []
    for one, column in zip(covariates, values.T, strict=True):
        known = column[np.isfinite(column)]
        if not len(known):
            raise MrisynthError(f"{one.name} is known of no scan; leave it out.")
        found.append(float(np.bincount(known.astype(int)).argmax()) if one.levels else float(known.mean()))
    return np.array(found)


def steps_of(values: np.ndarray, covariates: Sequence[Covariate], name: str, *, steps: int) -> np.ndarray:
    """Return evenly spaced values of a covariate between its quantiles :data:`LOW` and :data:`HIGH`, float64 [steps].

    Of a binary or categorical one all its levels, however many steps are wanted.

    Args:
        values, covariates: as for :func:`middle_values`.
        name: of the covariate.
        steps: two or more.

    Raises:
        MrisynthError: there is no such covariate, it is known of no scan, or fewer than two steps are wanted.
    """
    names = [one.name for one in covariates]
    if name not in names or steps < 2:
        raise MrisynthError(f"Found {name!r} in {steps} steps; expected one of {', '.join(names)} in two or more.")
    one, column = covariates[names.index(name)], values[:, names.index(name)]
    known = column[np.isfinite(column)]
    if not len(known):
        raise MrisynthError(f"{name} is known of no scan; leave it out.")
    return np.arange(float(one.levels)) if one.levels else np.linspace(*np.quantile(known, [LOW, HIGH]), steps)


def grid_requests(
    values: np.ndarray, covariates: Sequence[Covariate], *, across: str, down: str, steps: int = 4
) -> np.ndarray:
    """Return the whole label of every image of a grid, float64 [down, across, covariates]; the others are held.

    Args:
        values, covariates: as for :func:`middle_values`.
        across: covariate that rises from left to right.
        down: covariate that rises from the first row to the last.
        steps: images along each side.
    """
    names = [one.name for one in covariates]
    along, up = (steps_of(values, covariates, name, steps=steps) for name in (across, down))
    labels = np.tile(middle_values(values, covariates), (len(up), len(along), 1))
    labels[:, :, names.index(across)] = along[None, :]
    labels[:, :, names.index(down)] = up[:, None]
    return labels


def extreme_requests(values: np.ndarray, covariates: Sequence[Covariate]) -> np.ndarray:
    """Return the whole label at the lowest and at the highest value of each covariate, float64 [covariates, 2, same].

    The others are held at :func:`middle_values`; of a categorical covariate the first and the last level are taken.
    """
    labels = np.tile(middle_values(values, covariates), (len(covariates), 2, 1))
    for number, one in enumerate(covariates):
        labels[number, :, number] = steps_of(values, covariates, one.name, steps=2)[[0, -1]]
    return labels
