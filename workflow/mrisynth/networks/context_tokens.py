"""What a denoiser is told, as tokens that it attends to: one for each column of the condition."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mrisynth.networks.conditioning import column_digits
from mrisynth.networks.covariate_columns import CovariateColumns

_FREQUENCIES = (0.5, 1.0, 2.0)  # radians a standard deviation


class ContextTokens(nn.Module):
    """Labels to tokens [batch, columns, width].

    A category has a learned token, a number one that depends on its value smoothly; what is missing has a token of its
    own in its column, so that a scan with a gap still tells the rest.

    Args:
        columns: :class:`CovariateColumns` for rows of labels, the source first; numbers of categories for the labels
            of a categorical condition.
        width: length of a token.
    """

    def __init__(self, columns: Sequence[int], *, width: int) -> None:
        super().__init__()
        self.columns, self.width = columns, width
        self.of_covariates = isinstance(columns, CovariateColumns)
        self.tables = nn.ModuleList(nn.Embedding(max(categories, 1) + 1, width) for categories in columns)
        numbers = [place for place, categories in enumerate(columns) if self._is_number(place, categories)]
        features = 1 + 2 * len(_FREQUENCIES)
        self.slopes = nn.ModuleDict({str(place): nn.Linear(features, width, bias=False) for place in numbers})

    @property
    def count(self) -> int:
        """Number of tokens."""
        return len(self.columns)

    def forward(self, labels: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Return the tokens.

        Args:
            labels: int64 [batch], or rows float [batch, columns].
            hidden: bool [batch, columns], values that are told as missing; None for none.
        """
        values = labels if self.of_covariates else torch.stack(column_digits(labels, self.columns), dim=1)
        tokens = [self._column(place, values[:, place], hidden) for place in range(self.count)]
        return torch.stack(tokens, dim=1)

    def _column(self, place: int, values: Tensor, hidden: Tensor | None) -> Tensor:
        if not self.of_covariates:
            known, digits = values > 0, values
        else:
            known = ~values.isnan() & ((values >= 0) if self.columns[place] or place == 0 else True)
            number = self._is_number(place, self.columns[place])
            digits = torch.where(known, torch.ones_like(values) if number else values + 1, 0.0).long()
        if hidden is not None:
            known = known & ~hidden[:, place]
            digits = torch.where(known, digits, 0)
        token = self.tables[place](digits)
        if str(place) in self.slopes:
            value = torch.where(known, values, 0.0)[:, None]
            waves = [wave(value * frequency) for frequency in _FREQUENCIES for wave in (torch.sin, torch.cos)]
            token = token + self.slopes[str(place)](torch.cat([value, *waves], dim=1)) * known[:, None]
        return token

    def _is_number(self, place: int, categories: int) -> bool:
        return self.of_covariates and place > 0 and categories == 0
