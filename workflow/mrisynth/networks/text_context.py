"""What a denoiser is told in words, as tokens that it attends to."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

import torch
from torch import Tensor, nn

from mrisynth.networks.context_tokens import ContextTokens
from mrisynth.networks.text_columns import TextColumns, Vocabulary
from mrisynth.networks.text_encoder import EncoderSettings, TextEncoder


class TextContext(nn.Module):
    """Rows of tokens to vectors [batch, tokens, width]; those of padding and of an empty prompt are 0.

    An encoder of the run's own is trained with the denoiser. A published one stays as it is and is no part of the
    weights: a linear map of its vectors to the width is what is trained.

    Args:
        columns: of the prompts.
        width: of a vector.
    """

    def __init__(self, columns: TextColumns, *, width: int) -> None:
        super().__init__()
        self.columns, self.width = columns, width
        self.encoder = self.projection = self._published = None
        if isinstance(columns.encoder, Vocabulary):
            self.encoder = _untrained(columns, columns.encoder, width=width)
        else:
            self._published = _Published(columns.encoder())
            self.projection = nn.Linear(self._published.width, width, bias=False)

    def forward(self, labels: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Return the vectors.

        Args:
            labels: rows float [batch, 1 + tokens], see :class:`mrisynth.networks.text_columns.TextColumns`.
            hidden: bool [batch, tokens], parts of each prompt that are left out, by their place; None for none.
        """
        tokens = labels[:, 1:].long()
        if hidden is not None:
            tokens = without_parts(tokens, hidden, self.columns)
        if self.encoder is not None:
            return self.encoder(tokens)
        return self.projection(self._published.vectors(tokens))


def context_of(columns: Sequence[int], *, width: int) -> ContextTokens | TextContext | None:
    """Return what tells a network of these columns; None where it is told nothing.

    Args:
        columns: of prompts, of covariates, or numbers of categories.
        width: of a token.
    """
    if isinstance(columns, TextColumns):
        return TextContext(columns, width=width)
    return ContextTokens(columns, width=width) if len(columns) else None


def without_parts(tokens: Tensor, hidden: Tensor, columns: TextColumns) -> Tensor:
    """Return prompts without some of their parts, as if they had been written without them.

    Args:
        tokens: int64 [batch, tokens]; parts are what commas part.
        hidden: bool [batch, parts or more], parts that are left out.
        columns: of the prompts.
    """
    pad, start, end = columns.ends
    ends = (tokens == pad) | (tokens == start) | (tokens == end)
    commas = tokens == columns.comma
    kept = ends | ~hidden.gather(1, commas.cumsum(dim=1).clamp(max=hidden.shape[1] - 1))
    leading = (kept & ~ends).cumsum(dim=1) == 1  # the comma of a part that has come to be the first
    kept &= ~(commas & leading)
    order = (~kept).int().argsort(dim=1, stable=True)
    return tokens.masked_fill(~kept, pad).gather(1, order)


class _Published:
    """A frozen encoder that copies of a network share, and that neither its weights nor its states hold."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder, self.width = encoder, encoder.width

    def __deepcopy__(self, memo: dict[int, Any]) -> _Published:
        return self

    @torch.no_grad()
    def vectors(self, tokens: Tensor) -> Tensor:
        return self._encoder.to(tokens.device)(tokens)


def _untrained(columns: TextColumns, words: Vocabulary, *, width: int) -> TextEncoder:
    pad, start, end = columns.ends
    settings = EncoderSettings(
        vocabulary=words.size, length=len(columns), width=width, layers=words.layers, heads=gcd(words.heads, width),
        pad=pad, start=start, end=end,
    )  # fmt: skip
    return TextEncoder(settings, values=words.values, places=words.places)
