"""Tables of several sources made whole: what a source does not know is drawn from models of those that know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrisynth.covariates.kinds import Covariate, checked_table
from mrisynth.covariates.settings import ModelSettings
from mrisynth.covariates.source_model import SourceModel
from mrisynth.errors import MrisynthError


@dataclass(frozen=True)
class Completion:
    """One model a source, in the order of the numbers of the sources.

    A row is filled by its own source's model first. Of the models that know what is still missing, the one follows
    that shares the most columns with what is known or filled by then (of equal ones the first), and so on: shared
    columns, such as age, carry what private ones depend on.

    Attributes:
        models: by the name of the source.
        covariates: K.

    Raises:
        MrisynthError: a covariate is known by no source, or a model is of other covariates.
    """

    models: Mapping[str, SourceModel]
    covariates: tuple[Covariate, ...]
    _order: tuple[tuple[SourceModel, ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, model in self.models.items():
            if model.covariates != self.covariates:
                raise MrisynthError(f"the model of the source {name!r} is of other covariates; fit all to one table.")
        masks = [model.known for model in self.models.values()]
        unknown = [one.name for k, one in enumerate(self.covariates) if not any(mask[k] for mask in masks)]
        if unknown:
            raise MrisynthError(f"no source knows {', '.join(unknown)}; take it out or add a source that does.")
        models = list(self.models.values())
        order = tuple(tuple(models[place] for place in _order_from(start, masks)) for start in range(len(models)))
        object.__setattr__(self, "_order", order)

    @classmethod
    def fit(
        cls, values: np.ndarray, sources: np.ndarray, covariates: Sequence[Covariate], *, names: Sequence[str],
        settings: ModelSettings | None = None, seed: int,
    ) -> Completion:  # fmt: skip
        """Fit one model to the rows of each source.

        Args:
            values: [n, K], real units, NaN where unknown.
            sources: int [n], places in ``names``.
            covariates: K.
            names: of the sources.
            settings: of all models.
            seed: of all of them.

        Raises:
            MrisynthError: the table is none, a source has no value, or a covariate is known by none.
        """
        table = checked_table(values, covariates)
        models = {}
        for place, name in enumerate(names):
            rows = table[np.asarray(sources) == place]
            if np.isnan(rows).all():
                raise MrisynthError(f"the source {name!r} has no value of any covariate; leave it out or name others.")
            models[name] = SourceModel.fit(rows, covariates, settings, seed=seed)
        return cls(models, tuple(covariates))

    def complete(self, values: np.ndarray, sources: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return rows [n, K] without NaN.

        Args:
            values: [n, K], real units, NaN where unknown; what is known stays as it is.
            sources: int [n], places in ``models``.
            generator: moved on by the draws; the same generator, rows and order give the same table.
        """
        result, sources = np.array(values, dtype=np.float64), np.asarray(sources)
        for place, models in enumerate(self._order):
            rows = np.flatnonzero(sources == place)
            if not len(rows):
                continue
            part = result[rows]
            for model in models:
                if not np.isnan(part).any():
                    break
                part = model.draw(part, generator)
            result[rows] = part
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain words and numbers, as JSON holds them."""
        return {
            "covariates": [one.to_dict() for one in self.covariates],
            "models": [{"source": name, "model": model.to_dict()} for name, model in self.models.items()],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Completion:
        """Return what :meth:`to_dict` gave; it draws the same from the same generator."""
        models = {str(one["source"]): SourceModel.from_dict(one["model"]) for one in plain["models"]}
        return cls(models, tuple(Covariate.from_dict(one) for one in plain["covariates"]))


def _order_from(start: int, masks: Sequence[np.ndarray]) -> list[int]:
    """Return the places of the models that fill a row of one source, one after the other."""
    order, filled = [start], masks[start].copy()
    while not filled.all():
        useful = [place for place, mask in enumerate(masks) if (mask & ~filled).any()]
        order.append(max(useful, key=lambda place: ((masks[place] & filled).sum(), -place)))
        filled |= masks[order[-1]]
    return order
