"""Continuous covariates as standardised numbers, some of them in logarithms, and the bounds of what is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrisynth.covariates.kinds import Covariate
from mrisynth.covariates.settings import AGE, VOLUME_ENDING
from mrisynth.errors import MrisynthError

_MARGIN = 0.1
"""Share of the observed range by which draws may pass it on each side; an age may not."""


@dataclass(frozen=True)
class Scaling:
    """z = (f(x) - centre) / scale, f the logarithm or nothing, column by column.

    Attributes:
        log: bool [d].
        centre: [d], the mean of f(x).
        scale: [d], the standard deviation of f(x); 0 of a constant column, whose z is 0.
        low: [d], the least z that may be drawn; minus infinity of a constant column.
        high: [d], the greatest z.
    """

    log: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, covariates: Sequence[Covariate], *, log: Sequence[str] | None) -> Scaling:
        """Fit it to columns [n, d], each with at least one value; NaN is passed over.

        Raises:
            MrisynthError: a column named in ``log`` holds a number that is not above 0.
        """
        flags = np.array([_is_log(column, one, log) for column, one in zip(values.T, covariates, strict=True)], bool)
        taken = moved(values, flags)
        centre, scale = np.nanmean(taken, axis=0), np.nanstd(taken, axis=0)
        low, high = np.nanmin(taken, axis=0), np.nanmax(taken, axis=0)
        constant = high == low
        scale[constant] = 0.0
        margin = np.array([0.0 if one.name == AGE else _MARGIN for one in covariates]) * (high - low)
        low, high = low - margin, high + margin
        for number, one in enumerate(covariates):
            if one.bounds is not None:
                low[number], high[number] = moved(np.array(one.bounds)[:, None], flags[[number]])[:, 0]
        low, high = ((bound - centre) / np.where(constant, 1.0, scale) for bound in (low, high))
        return cls(flags, centre, scale, np.where(constant, -np.inf, low), np.where(constant, np.inf, high))

    @property
    def varying(self) -> np.ndarray:
        """Bool [d], the columns that are not constant."""
        return self.scale > 0

    def to_z(self, values: np.ndarray) -> np.ndarray:
        """Return z [n, d] of columns [n, d]; NaN stays, and 0 or less is as small as can be where logarithms are."""
        z = (moved(values, self.log) - self.centre) / np.where(self.varying, self.scale, 1.0)
        return z if self.varying.all() else np.where(self.varying | np.isnan(z), z, 0.0)

    def from_z(self, z: np.ndarray) -> np.ndarray:
        """Return the values [..., d] of z [..., d], in real units."""
        taken = z * self.scale + self.centre
        return np.where(self.log, np.exp(np.where(self.log, taken, 0.0)), taken) if self.log.any() else taken

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Return [n], the sum over columns of log |dz / dx|; NaN counts nothing."""
        slopes = -np.log(np.where(self.varying, self.scale, 1.0)) - np.where(self.log, moved(values, self.log), 0.0)
        return np.where(self.varying & ~np.isnan(values), slopes, 0.0).sum(axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        bounds = {name: np.where(self.varying, getattr(self, name), 0.0).tolist() for name in ("low", "high")}
        return {name: getattr(self, name).tolist() for name in ("log", "centre", "scale")} | bounds

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Scaling:
        """Return what :meth:`to_dict` gave."""
        numbers = {name: np.asarray(plain[name], dtype=np.float64) for name in ("centre", "scale", "low", "high")}
        constant = numbers["scale"] == 0
        numbers["low"], numbers["high"] = (
            np.where(constant, bound, numbers[name]) for name, bound in (("low", -np.inf), ("high", np.inf))
        )
        return cls(log=np.asarray(plain["log"], dtype=bool), **numbers)


def _is_log(column: np.ndarray, covariate: Covariate, log: Sequence[str] | None) -> bool:
    least = np.nanmin(column)
    if log is None:
        return covariate.name.endswith(VOLUME_ENDING) and least > 0
    if covariate.name in log and least <= 0:
        raise MrisynthError(
            f"the column {covariate.name!r} is to be modelled in logarithms and holds {least:g}; "
            "take it out of the setting log."
        )
    return covariate.name in log


def moved(values: np.ndarray, log: np.ndarray) -> np.ndarray:
    """Return values [n, d], or their logarithms in the columns where ``log`` [d] is true; 0 or less as if the least."""
    if not log.any():
        return values
    return np.where(log, np.log(np.maximum(np.where(log, values, 1.0), np.finfo(np.float64).tiny)), values)
