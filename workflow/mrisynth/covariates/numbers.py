"""The joint distribution of a source's continuous covariates, in standardised numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from mrisynth.covariates.beta import Beta
from mrisynth.covariates.kinds import Covariate
from mrisynth.covariates.mixture import Mixture
from mrisynth.covariates.scaling import Scaling
from mrisynth.covariates.settings import AGE, ModelSettings

_PLACES = 256
"""Ages at which the posterior of an unknown one is worked out, where its distribution is a Beta."""


@dataclass(frozen=True)
class Numbers:
    """p(z) of d continuous covariates: a Gaussian mixture, or p(age) p(z | age) with a Beta as the first factor.

    Attributes:
        scaling: of the columns.
        mixture: over the columns that vary.
        age: number of the column ``age`` among those that vary and its Beta in standardised units; None for a mixture.
    """

    scaling: Scaling
    mixture: Mixture
    age: tuple[int, Beta] | None = None

    @classmethod
    def fit(cls, values: np.ndarray, covariates: Sequence[Covariate], settings: ModelSettings, *, seed: int) -> Numbers:
        """Fit it to columns [n, d] in real units, NaN where unknown, each with at least one value."""
        scaling = Scaling.fit(values, covariates, log=settings.log)
        varying = scaling.varying
        z = scaling.to_z(values)[:, varying]
        mixture = Mixture.fit(z, components=settings.components, seed=seed, covariance=settings.covariance)
        names = [one.name for one, moves in zip(covariates, varying, strict=True) if moves]
        if settings.age != "beta" or AGE not in names:
            return cls(scaling, mixture)
        place = names.index(AGE)
        ages = z[~np.isnan(z[:, place]), place]
        low, high = scaling.low[varying][place], scaling.high[varying][place]
        return cls(scaling, mixture, (place, Beta.fit(ages, low=low, high=high)))

    def draw(
        self, z: np.ndarray, known: np.ndarray, generator: np.random.Generator, *, candidates: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw what is unknown of rows of one pattern, without a cut at the bounds.

        Args:
            z: [n, d], NaN where unknown.
            known: bool [d], the pattern.
            generator: moved on by the draws.
            candidates: independent draws of each row.

        Returns:
            [candidates, n, d] without NaN, and bool [candidates, n], whether all that was drawn lies in the bounds.
        """
        varying = self.scaling.varying
        full = np.empty((candidates, *z.shape))
        full[:] = z
        full[:, :, ~varying] = 0.0
        pattern, rows = known[varying], z[:, varying]
        if not pattern.all():
            full[:, :, varying] = self._drawn(rows, pattern, generator, candidates)
        inside = ((full >= self.scaling.low) & (full <= self.scaling.high) | known).all(axis=2)
        return full, inside

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Return [n], the log density of the known values of rows [n, d] in real units, without a cut at the bounds."""
        z = self.scaling.to_z(values)[:, self.scaling.varying]
        found = self.mixture.log_density(z)
        if self.age is not None:
            place, beta = self.age
            alone = np.full_like(z, np.nan)
            alone[:, place] = z[:, place]
            found = found - self.mixture.log_density(alone) + beta.log_density(alone[:, place])
            hidden = np.isnan(z[:, place])
            found[hidden] = logsumexp(self._log_posterior(z[hidden])[1], axis=1) - np.log(_PLACES)
        return found + self.scaling.log_slope(values)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        age = None if self.age is None else {"column": self.age[0], "beta": self.age[1].to_dict()}
        return {"scaling": self.scaling.to_dict(), "mixture": self.mixture.to_dict(), "age": age}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Numbers:
        """Return what :meth:`to_dict` gave."""
        age = plain["age"] and (int(plain["age"]["column"]), Beta.from_dict(plain["age"]["beta"]))
        return cls(Scaling.from_dict(plain["scaling"]), Mixture.from_dict(plain["mixture"]), age)

    def _drawn(
        self, rows: np.ndarray, pattern: np.ndarray, generator: np.random.Generator, candidates: int
    ) -> np.ndarray:
        """Return [candidates, n, columns that vary]."""
        if self.age is None or pattern[self.age[0]]:
            full = np.empty((candidates, *rows.shape))
            full[:] = rows
            given = self.mixture.given(pattern)
            full[:, :, ~pattern] = given.draw(rows[:, pattern], generator, candidates=candidates)
            return full
        place, _ = self.age
        aged = np.repeat(rows[None], candidates, axis=0)
        aged[:, :, place] = self._ages(rows, pattern, generator, candidates)
        flat, now = aged.reshape(-1, rows.shape[1]), pattern.copy()
        now[place] = True
        flat[:, ~now] = self.mixture.given(now).draw(flat[:, now], generator, candidates=1)[0]
        return flat.reshape(aged.shape)

    def _ages(
        self, rows: np.ndarray, pattern: np.ndarray, generator: np.random.Generator, candidates: int
    ) -> np.ndarray:
        """Return [candidates, n] ages given the other known numbers."""
        _, beta = self.age
        if not pattern.any():
            return beta.draw((candidates, len(rows)), generator)
        places, log_shares = self._log_posterior(rows)
        bounds = np.cumsum(np.exp(log_shares - log_shares.max(axis=1, keepdims=True)), axis=1)
        level = generator.random((candidates, len(rows))) * bounds[:, -1]
        cells = (level[..., None] >= bounds).sum(axis=2).clip(max=_PLACES - 1)
        width = places[1] - places[0]
        return places[cells] + width * (generator.random(cells.shape) - 0.5)

    def _log_posterior(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ages [places] and [n, places], log of p(age) p(other known numbers | age) width of the bounds."""
        place, beta = self.age
        width = beta.high - beta.low
        places = beta.low + width * (np.arange(_PLACES) + 0.5) / _PLACES
        alone = np.full((_PLACES, rows.shape[1]), np.nan)
        alone[:, place] = places
        aged = np.repeat(rows, _PLACES, axis=0)
        aged[:, place] = np.tile(places, len(rows))
        both = self.mixture.log_density(aged).reshape(len(rows), _PLACES)
        return places, both - self.mixture.log_density(alone) + beta.log_density(places) + np.log(width)
