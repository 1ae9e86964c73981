"""Rows of labels: covariates as networks are told them, and back to real units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrisynth.covariates.completion import Completion
from mrisynth.covariates.kinds import Covariate, checked_table
from mrisynth.covariates.scaling import moved
from mrisynth.covariates.settings import VOLUME_ENDING, ModelSettings
from mrisynth.errors import MrisynthError
from mrisynth.networks.covariate_columns import CovariateColumns


@dataclass(frozen=True, kw_only=True)
class CovariateRows:
    """What a condition of covariates knows: sources, covariates, their normalisation, and models of what is missing.

    A row is float64 [1 + K]: the number of the source, then a continuous covariate standardised by the training scans
    that know it (the logarithm of one whose name ends in ``_ml``, or of those that the settings name, if all are above
    0), of another the number of its category; NaN is missing.

    Attributes:
        sources: their names, in the order of their numbers.
        knows: the covariates that each source knows.
        centre: [K], subtracted from numbers; 0 of categories.
        spread: [K], then divided by; 1 of categories and of what does not vary.
        logarithmic: [K], whether it is the logarithm that is standardised.
        completion: models of what sources do not know.
    """

    sources: tuple[str, ...]
    knows: Mapping[str, tuple[str, ...]]
    centre: np.ndarray
    spread: np.ndarray
    logarithmic: np.ndarray
    completion: Completion = field(repr=False)

    @property
    def covariates(self) -> tuple[Covariate, ...]:
        """All covariates, in the order of the columns of a row."""
        return self.completion.covariates

    @property
    def names(self) -> list[str]:
        """Names of the covariates."""
        return [one.name for one in self.covariates]

    @property
    def columns(self) -> CovariateColumns:
        """What networks know of the columns of a row."""
        return CovariateColumns((len(self.sources), *(one.levels for one in self.covariates)))

    @classmethod
    def fit(
        cls, values: np.ndarray, sources: np.ndarray, covariates: Sequence[Covariate], *,
        knows: Mapping[str, Sequence[str]], settings: ModelSettings | None = None, seed: int,
    ) -> CovariateRows:  # fmt: skip
        """Return what the training scans say.

        Args:
            values: [n, K] of the training scans, one row a scan, NaN where its source does not know it.
            sources: int [n], the source of each.
            covariates: K.
            knows: by source, the names of the covariates that it knows.
            settings: of the models of what is missing; None for the defaults.
            seed: of their fit.

        Raises:
            MrisynthError: a covariate has no value at all, or a source none of its covariates.
        """
        table = checked_table(values, covariates)
        continuous = np.array([one.levels == 0 for one in covariates])
        for number, one in enumerate(covariates):
            if np.isnan(table[:, number]).all():
                raise MrisynthError(f"the covariate {one.name} has no value in any training scan of its sources.")
        log = settings.log if settings is not None else None
        named = np.array([one.name.endswith(VOLUME_ENDING) if log is None else one.name in log for one in covariates])
        logarithmic = continuous & named & (np.nanmin(table, axis=0) > 0)
        taken = moved(table, logarithmic)
        spread = np.where(continuous, np.nanstd(taken, axis=0), 1.0)
        return cls(
            sources=tuple(knows),
            knows={source: tuple(names) for source, names in knows.items()},
            centre=np.where(continuous, np.nanmean(taken, axis=0), 0.0),
            spread=np.where(spread > 0, spread, 1.0),
            logarithmic=logarithmic,
            completion=Completion.fit(table, sources, covariates, names=tuple(knows), settings=settings, seed=seed),
        )

    def rows(self, values: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """Return rows [n, 1 + K] of values [n, K] in real units and the numbers of their sources [n]."""
        numbers = (moved(np.asarray(values, dtype=np.float64), self.logarithmic) - self.centre) / self.spread
        return np.column_stack([np.asarray(sources, dtype=np.float64), numbers])

    def values(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values [n, K] in real units and the numbers of the sources, int64 [n]; the inverse of :meth:`rows`."""
        rows = np.asarray(rows, dtype=np.float64)
        taken = rows[:, 1:] * self.spread + self.centre
        values = np.where(self.logarithmic, np.exp(np.where(self.logarithmic, taken, 0.0)), taken)
        return values, rows[:, 0].astype(np.int64)

    def complete(self, rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return rows [n, 1 + K] in which what is missing is drawn beside what is known; what is known stays."""
        values, sources = self.values(rows)
        filled = self.rows(self.completion.complete(values, sources, generator), sources)
        return np.where(np.isnan(rows), filled, rows)

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain words and numbers, as JSON holds them."""
        numbers = {name: getattr(self, name).tolist() for name in ("centre", "spread", "logarithmic")}
        knows = [{"source": source, "covariates": list(self.knows[source])} for source in self.sources]
        return {"sources": knows} | numbers | {"completion": self.completion.to_dict()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> CovariateRows:
        """Return what :meth:`to_dict` gave."""
        knows = {str(one["source"]): tuple(one["covariates"]) for one in plain["sources"]}
        return cls(
            sources=tuple(knows),
            knows=knows,
            centre=np.asarray(plain["centre"], dtype=np.float64),
            spread=np.asarray(plain["spread"], dtype=np.float64),
            logarithmic=np.asarray(plain["logarithmic"], dtype=bool),
            completion=Completion.from_dict(plain["completion"]),
        )
