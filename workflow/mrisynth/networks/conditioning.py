"""How a class enters a generator: as numbers beside the latent, or as a channel beside the first features.

Labels are int64 numbers, from 0 a joint class, below 0 with something missing: see :mod:`mrisynth.labels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.covariate_columns import CovariateColumns
from mrisynth.networks.covariate_vector import CovariateVector

EMBEDDED = 32


class ConditionInput(nn.Module):
    """No condition; the base of the others.

    Attributes:
        vector: length of what is put beside the latent.
        channels: number of channels put beside the first features.
    """

    vector = 0
    channels = 0

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return what stands beside the latent [batch, vector] and beside the features [batch, channels, e, e, e]."""
        nothing = torch.empty(len(labels), 0, device=labels.device)
        return nothing, nothing


class OneHot(ConditionInput):
    """One number a joint class beside the latent, 1 for the class (the HA-GAN authors); all 0 when it is missing."""

    def __init__(self, columns: Sequence[int], *, edge: int) -> None:
        super().__init__()
        self.vector = prod(columns)

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vector and nothing."""
        known = (labels >= 0)[:, None]
        return functional.one_hot(labels.clamp(min=0), self.vector).float() * known, labels.new_empty(len(labels), 0)


class JointEmbedding(ConditionInput):
    """One learned vector a joint class, and one more for a missing label."""

    vector = EMBEDDED

    def __init__(self, columns: Sequence[int], *, edge: int) -> None:
        super().__init__()
        self.classes = prod(columns)
        self.table = nn.Embedding(self.classes + 1, EMBEDDED)

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vector and nothing."""
        rows = torch.where(labels < 0, self.classes, labels)
        return self.table(rows), labels.new_empty(len(labels), 0)


class ColumnEmbeddings(ConditionInput):
    """One learned vector a category of each column, added up; a missing value has a vector of its own in its column.

    It learns a column's effect from every scan, and knows what is known of a scan with a gap.
    """

    vector = EMBEDDED

    def __init__(self, columns: Sequence[int], *, edge: int) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.tables = nn.ModuleList(nn.Embedding(categories + 1, EMBEDDED) for categories in columns)

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vector and nothing."""
        digits = column_digits(labels, self.columns)
        vectors = [table(digit) for table, digit in zip(self.tables, digits, strict=True)]
        return torch.stack(vectors).sum(dim=0), labels.new_empty(len(labels), 0)


class SharedTableChannel(ConditionInput):
    """The IXI project's: all columns look up one table, and a linear layer makes one more channel of the start cube.

    The table has as many rows as there are joint classes, of which each column uses the first few, so that columns
    share vectors. A missing value counts as zeros.
    """

    channels = 1

    def __init__(self, columns: Sequence[int], *, edge: int) -> None:
        super().__init__()
        self.columns, self.edge = tuple(columns), edge
        self.table = nn.Embedding(prod(columns), EMBEDDED)
        self.linear = nn.Linear(EMBEDDED * len(self.columns), edge**3)

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return nothing and the channel."""
        digits = torch.stack(column_digits(labels, self.columns), dim=1)
        vectors = self.table((digits - 1).clamp(min=0)) * (digits > 0)[..., None]
        channel = self.linear(vectors.flatten(1)).view(-1, 1, self.edge, self.edge, self.edge)
        return vectors.new_empty(len(labels), 0), channel


CONDITION_INPUTS = {
    "one_hot": OneHot,
    "embedding": JointEmbedding,
    "embedding_per_column": ColumnEmbeddings,
    "channel": SharedTableChannel,
}


class EmbeddedCovariates(ConditionInput):
    """A linear map of the source and all covariates, numbers as they are; what is missing counts nothing."""

    vector = EMBEDDED

    def __init__(self, columns: Sequence[int], *, edge: int) -> None:
        super().__init__()
        self.told = CovariateVector(columns)
        self.linear = nn.Linear(self.told.vector, EMBEDDED)
        nn.init.normal_(self.linear.weight)  # so that a number weighs as much as the row of a table does

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vector and nothing, of rows of labels [batch, columns]."""
        return self.linear(self.told(labels)), labels.new_empty(len(labels), 0)


def condition_input(kind: str, columns: Sequence[int], *, edge: int) -> ConditionInput:
    """Return the module of that kind for columns with so many categories each; without columns, no condition.

    Covariates enter in one way, whatever the kind.
    """
    if isinstance(columns, CovariateColumns):
        return EmbeddedCovariates(columns, edge=edge)
    return CONDITION_INPUTS[kind](columns, edge=edge) if columns else ConditionInput()


def column_digits(labels: Tensor, columns: Sequence[int]) -> list[Tensor]:
    """Return, for each column, [batch]: 0 for a missing value, else 1 + category."""
    known, code = labels, -1 - labels
    digits = []
    for categories in reversed(columns):
        digits.append(torch.where(labels >= 0, 1 + known % categories, code % (categories + 1)))
        known, code = known // categories, code // (categories + 1)
    return digits[::-1]
