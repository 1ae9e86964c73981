"""What a network is told as one vector: the source and all covariates, or the class of a categorical condition."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.covariate_columns import CovariateColumns, places


class CovariateVector(nn.Module):
    """Labels to a vector: a number as it is, a source, a category or a class as one number each, 1 for its own.

    What is missing is 0 throughout.

    Args:
        columns: :class:`CovariateColumns` for rows of labels float [batch, columns]; numbers of categories for the
            labels int64 [batch] of a categorical condition; empty for none.

    Attributes:
        vector: length of the vector.
        classes: number of sources, or of classes; 0 where nothing is told.
    """

    def __init__(self, columns: Sequence[int]) -> None:
        super().__init__()
        self.columns = columns
        self.of_covariates = isinstance(columns, CovariateColumns)
        self.places = places(columns) if self.of_covariates else []
        self.classes = columns.sources if self.of_covariates else (prod(columns) if columns else 0)
        self.vector = self.places[-1].stop if self.places else self.classes

    def forward(self, labels: Tensor) -> Tensor:
        """Return float32 [batch, vector]."""
        if not self.of_covariates:
            return _one_hot(labels, self.vector)
        parts = []
        for place, (categories, where) in enumerate(zip(self.columns, self.places, strict=True)):
            values = labels[:, place]
            if where.stop > where.start:
                number = place > 0 and categories == 0
                parts.append(values.nan_to_num()[:, None] if number else _one_hot(_whole(values), categories))
        return torch.cat([part.float() for part in parts], dim=1)


def _whole(values: Tensor) -> Tensor:
    return torch.where(values.isnan(), -1.0, values).long()


def _one_hot(numbers: Tensor, count: int) -> Tensor:
    if not count:
        return torch.zeros(len(numbers), 0, device=numbers.device)
    known = (numbers >= 0)[:, None]
    return functional.one_hot(numbers.clamp(min=0), count).float() * known
