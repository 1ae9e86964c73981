"""Prompts as networks know them: rows of labels that hold their tokens, and how these are encoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mrisynth.networks.text_encoder import TextEncoder


class Vocabulary(NamedTuple):
    """The tokens of an encoder that is trained with the denoiser.

    Attributes:
        size: number of tokens.
        values, places: of digits, see :class:`mrisynth.networks.text_encoder.TextEncoder`.
        layers, heads: of the encoder.
    """

    size: int
    values: np.ndarray
    places: np.ndarray
    layers: int
    heads: int


class TextColumns(tuple[int, ...]):
    """A 0 for every token of a prompt: it stands where a categorical condition has its numbers of categories.

    A row of labels is float [1 + tokens]: 0, as all prompts are of one class, then the numbers of the tokens.

    Attributes:
        comma: token between the parts of a prompt.
        ends: tokens of padding, start and end.
        encoder: what reads the tokens: the vocabulary of an encoder that is trained, or what loads a published one.
    """

    comma: int
    ends: tuple[int, int, int]
    encoder: Vocabulary | Callable[[], TextEncoder]

    def __new__(
        cls, length: int, *, comma: int, ends: tuple[int, int, int], encoder: Vocabulary | Callable[[], TextEncoder]
    ) -> TextColumns:
        """Return the columns of prompts of ``length`` tokens."""
        made = super().__new__(cls, (0,) * length)
        made.comma, made.ends, made.encoder = comma, ends, encoder
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, Any]]:
        """Return what a copy is made of."""
        return (len(self),), {"comma": self.comma, "ends": self.ends, "encoder": self.encoder}
