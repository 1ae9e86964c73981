"""A small transformer that encodes prompts, of the form of BERT."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mrisynth.errors import MrisynthError

_SPREAD = 0.02  # standard deviation of embeddings at the start
_STEP = 0.1  # that of how they change with a hundred


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """The size of an encoder and the tokens that are no words.

    Attributes:
        vocabulary: tokens.
        length: most tokens of a prompt.
        width: numbers of each token.
        layers: of attention.
        heads: of each layer; ``width`` is a multiple.
        hidden: width of the two-layer network of each layer; 0: four times ``width``.
        pad, start, end: tokens of padding and of the ends, see :mod:`mrisynth.text.tokenizer`.
        norm_epsilon: added to variances.
    """

    vocabulary: int
    length: int
    width: int = 128
    layers: int = 2
    heads: int = 4
    hidden: int = 0
    pad: int = 0
    start: int = 1
    end: int = 2
    norm_epsilon: float = 1e-12

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON has them; ``EncoderSettings(**content)`` reads them."""
        return asdict(self)


class TextEncoder(nn.Module):
    """Tokens to one vector each: int64 [batch, length] to float32 [batch, length, width].

    Embeddings of tokens and places, normalised, then layers of attention that are normalised behind each sum (Devlin
    et al. 2019, "BERT"), without dropout. Padding is never attended to and its vectors are 0. A prompt without a word
    is the null condition of classifier-free guidance: all of its vectors are exactly 0, whatever the weights. Weights
    are drawn from torch's generator, which the caller seeds.

    Args:
        settings: the size.
        values: [vocabulary], what each token adds to its number; it is added to the embedding along a direction that
            is learned. None: tokens have no values.
        places: [vocabulary], the place of a digit, from 1, and 0 for words: digits of one place start with one
            embedding. Both are of :class:`mrisynth.text.tokenizer.PromptTokenizer`.
        masked: False attends to padding and returns the vectors of padding and of empty prompts as they come out, as
            MRGen reads BiomedCLIP.
    """

    def __init__(
        self,
        settings: EncoderSettings,
        *,
        values: np.ndarray | None = None,
        places: np.ndarray | None = None,
        masked: bool = True,
    ) -> None:
        super().__init__()
        if settings.width % settings.heads:
            raise MrisynthError(f"A text encoder {settings.width} wide cannot have {settings.heads} heads; divide it.")
        self.settings, self.masked = settings, masked
        self.words = nn.Embedding(settings.vocabulary, settings.width)
        self.places = nn.Embedding(settings.length, settings.width)
        for table in (self.words, self.places):
            nn.init.normal_(table.weight, std=_SPREAD)
        self.direction = None
        if values is not None:
            self.register_buffer("values", torch.as_tensor(values, dtype=torch.float32), persistent=False)
            self.direction = nn.Parameter(torch.randn(settings.width) * _STEP)
        if places is not None:
            _alike(self.words.weight, torch.as_tensor(places))
        self.norm = nn.LayerNorm(settings.width, eps=settings.norm_epsilon)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                settings.width, settings.heads, settings.hidden or 4 * settings.width, dropout=0.0, activation="gelu",
                layer_norm_eps=settings.norm_epsilon, batch_first=True,
            )
            for _ in range(settings.layers)
        )  # fmt: skip

    @property
    def width(self) -> int:
        """Numbers of each token, which cross-attention reads."""
        return self.settings.width

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the vectors of prompts; raises MrisynthError for more tokens than the settings have places."""
        if tokens.shape[1] > self.settings.length:
            raise MrisynthError(f"Found prompts of {tokens.shape[1]} tokens; expected {self.settings.length} at most.")
        found = self.words(tokens) + self.places.weight[: tokens.shape[1]]
        if self.direction is not None:
            found = found + self.values[tokens][..., None] * self.direction
        found = self.norm(found)
        padded = tokens == self.settings.pad
        for layer in self.layers:
            found = layer(found, src_key_padding_mask=padded if self.masked else None)
        return found.masked_fill(self._nothing(tokens)[..., None], 0.0) if self.masked else found

    def _nothing(self, tokens: Tensor) -> Tensor:
        """Return what is padding, or of a prompt without a word: bool [batch, length]."""
        padded = tokens == self.settings.pad
        ends = (tokens == self.settings.start) | (tokens == self.settings.end)
        return padded | (padded | ends).all(dim=1, keepdim=True)


@torch.no_grad()
def _alike(embeddings: Tensor, places: Tensor) -> None:
    """Give the digits of each place the embedding of the first of them."""
    for place in places.unique()[places.unique() > 0]:
        rows = torch.nonzero(places == place)[:, 0]
        embeddings[rows] = embeddings[rows[0]].clone()


def pooled(vectors: Tensor) -> Tensor:
    """Return the mean vector of each prompt over its tokens, [batch, width]; 0 for an empty prompt.

    Args:
        vectors: of :class:`TextEncoder`, [batch, length, width], 0 where there is no token.
    """
    told = (vectors != 0).any(dim=2, keepdim=True)
    return vectors.sum(dim=1) / told.sum(dim=1).clamp(min=1)
