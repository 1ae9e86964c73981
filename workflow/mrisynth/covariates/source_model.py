"""The covariates that one source knows: their joint distribution, and draws of missing ones given the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrisynth.covariates.discrete import Discrete
from mrisynth.covariates.kinds import Covariate, checked_table
from mrisynth.covariates.mixture import patterns
from mrisynth.covariates.numbers import Numbers
from mrisynth.covariates.settings import ModelSettings
from mrisynth.errors import MrisynthError

_ROUNDS = 6
_FIRST_TRIES = 4


@dataclass(frozen=True)
class SourceModel:
    """p(numbers) p(first level | numbers) p(second level | numbers, first level) ... of one source.

    Attributes:
        covariates: all K of the study.
        columns: which of them the source knows: continuous ones first, then binary ones and categories.
        numbers: the joint distribution of the continuous ones, cut at their bounds when they are drawn.
        levels: one model of each other, given the numbers and the levels before it.
        settings: how it was fitted.
    """

    covariates: tuple[Covariate, ...]
    columns: tuple[int, ...]
    numbers: Numbers
    levels: tuple[Discrete, ...]
    settings: ModelSettings

    @classmethod
    def fit(
        cls, values: np.ndarray, covariates: Sequence[Covariate], settings: ModelSettings | None = None, *, seed: int
    ) -> SourceModel:
        """Fit the model to the rows of one source.

        Args:
            values: [n, K], real units, levels as numbers, NaN where unknown; the source knows the columns that have
                a value.
            covariates: K.
            settings: None for the defaults.
            seed: of the starting points of the mixture.

        Raises:
            MrisynthError: the table is none, or holds no value at all.
        """
        table, chosen = checked_table(values, covariates), settings or ModelSettings()
        found = (~np.isnan(table)).any(axis=0)
        if not found.any():
            raise MrisynthError(
                "a source has no value of any covariate; name covariates that it knows or leave it out."
            )
        continuous = [k for k, one in enumerate(covariates) if found[k] and not one.levels]
        discrete = [k for k, one in enumerate(covariates) if found[k] and one.levels]
        numbers = Numbers.fit(table[:, continuous], [covariates[k] for k in continuous], chosen, seed=seed)
        counts = [covariates[k].levels for k in discrete]
        z, labels = numbers.scaling.to_z(table[:, continuous]), table[:, discrete]
        levels = tuple(
            Discrete.fit(labels[:, place], _features(z, labels[:, :place], counts)) for place in range(len(discrete))
        )
        return cls(tuple(covariates), (*continuous, *discrete), numbers, levels, chosen)

    @property
    def known(self) -> np.ndarray:
        """Bool [K], the columns that this source knows."""
        return np.isin(np.arange(len(self.covariates)), self.columns)

    def draw(self, values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return rows in which every NaN of the source's columns is drawn given the row's other values in them.

        Candidates of the numbers, given the known numbers, are kept if they lie within the bounds and with the
        probability of the known levels given them, so that draws follow the model exactly. Where a few hundred
        fail, as with known values far from all that was fitted, one of them is taken by its weight and moved to
        the bounds.

        Args:
            values: [n, K], NaN where unknown; known values and other columns stay as they are.
            generator: moved on by the draws.
        """
        result, columns = np.array(values, dtype=np.float64), np.array(self.columns)
        own = result[:, columns]
        for known, rows in patterns(own):
            if not known.all():
                result[rows[:, None], columns[~known]] = self._filled(own[rows], known, generator)[:, ~known]
        return result

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Return [n], the log density of the known numbers and of the levels of rows [n, K], without the cut at bounds.

        Units are real ones. It is NaN where a level is known and a number or a level before it is not.
        """
        own = np.asarray(values, dtype=np.float64)[:, np.array(self.columns)]
        count = len(self.numbers.scaling.log)
        z, labels = self.numbers.scaling.to_z(own[:, :count]), own[:, count:]
        total = self.numbers.log_density(own[:, :count])
        for place, model in enumerate(self.levels):
            features = _features(z, labels[:, :place], self._counts)
            certain, seen = ~np.isnan(features).any(axis=1), ~np.isnan(labels[:, place])
            likelihood = model.likelihood(labels[:, place], np.nan_to_num(features))
            with np.errstate(divide="ignore"):
                total = total + np.where(seen, np.where(certain, np.log(likelihood), np.nan), 0.0)
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain words and numbers, as JSON holds them."""
        return {
            "covariates": [one.to_dict() for one in self.covariates],
            "columns": list(self.columns),
            "numbers": self.numbers.to_dict(),
            "levels": [one.to_dict() for one in self.levels],
            "settings": self.settings.to_dict(),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> SourceModel:
        """Return what :meth:`to_dict` gave; it draws the same from the same generator."""
        return cls(
            tuple(Covariate.from_dict(one) for one in plain["covariates"]),
            tuple(map(int, plain["columns"])),
            Numbers.from_dict(plain["numbers"]),
            tuple(Discrete.from_dict(one) for one in plain["levels"]),
            ModelSettings.from_dict(plain["settings"]),
        )

    @property
    def _counts(self) -> list[int]:
        return [self.covariates[k].levels for k in self.columns if self.covariates[k].levels]

    def _filled(self, own: np.ndarray, known: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return rows [n, columns] of one pattern, filled."""
        scaling = self.numbers.scaling
        count = len(scaling.log)
        z, labels = scaling.to_z(own[:, :count]), own[:, count:]
        done_z, done_labels = z.copy(), labels.copy()
        pending = np.arange(len(own))
        for turn in range(_ROUNDS):
            tries = _FIRST_TRIES << turn
            numbers, levels, likelihood, inside = self._candidates(z[pending], labels[pending], known, generator, tries)
            weights = inside if likelihood is None else inside * likelihood
            kept = weights if likelihood is None else generator.random(weights.shape) < weights
            chosen, found = kept.argmax(axis=0), kept.any(axis=0)
            if turn == _ROUNDS - 1 and not found.all():
                chosen, found = np.where(found, chosen, _by_weight(weights, generator)), np.full_like(found, True)
            rows, places = pending[found], np.flatnonzero(found)
            done_z[rows], done_labels[rows] = numbers[chosen[found], places], levels[chosen[found], places]
            pending = pending[~found]
            if not len(pending):
                break
        return np.concatenate([scaling.from_z(done_z.clip(scaling.low, scaling.high)), done_labels], axis=1)

    def _candidates(
        self, z: np.ndarray, labels: np.ndarray, known: np.ndarray, generator: np.random.Generator, tries: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
        """Return numbers and levels [tries, n, ...], the chance of known levels (None: all alike), bounds kept."""
        count = z.shape[1]
        full, inside = self.numbers.draw(z, known[:count], generator, candidates=tries)
        levels, likelihood = np.repeat(labels[None], tries, axis=0), None
        for place, model in enumerate(self.levels):
            if known[count + place] and known[: count + place].all():
                continue
            features = _features(full, levels[..., :place], self._counts)
            if known[count + place]:
                one = model.likelihood(levels[..., place], features)
                likelihood = one if likelihood is None else likelihood * one
            else:
                levels[..., place] = model.draw(features, generator)
        return full, levels, likelihood, inside


def _features(z: np.ndarray, labels: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Return [..., f]: numbers, and of each level 0 or 1 for every category but the first; NaN where unknown."""
    parts = [z]
    for place in range(labels.shape[-1]):
        level = labels[..., place, None]
        parts.append((level == np.arange(1, counts[place])) + 0.0 * level)
    return np.concatenate(parts, axis=-1)


def _by_weight(weights: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return [n], the number of one of the candidates [tries, n], drawn by weight; the first where all are 0."""
    bounds = np.cumsum(weights, axis=0, dtype=np.float64)
    return (generator.random(weights.shape[1]) * bounds[-1] >= bounds).sum(axis=0) % len(weights)
