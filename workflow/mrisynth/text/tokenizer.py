"""A tokenizer of words that is trained on a run's own prompts and lives in its recipe as JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mrisynth.errors import MrisynthError

SPECIAL = ("[pad]", "[start]", "[end]", "[unknown]", "[mask]")
PAD, START, END, UNKNOWN, MASK = range(len(SPECIAL))
LENGTH = 77
"""Tokens of a prompt, as in MRGen and CLIP."""

MOST_WORDS = 8192
KIND = "words"

_PLACES = range(5, -4, -1)  # powers of ten that a digit may stand at
_DIGITS = [(digit, place) for place in _PLACES for digit in range(10)]
_FIXED = (*SPECIAL, "-", *(f"{digit} e{place}" for digit, place in _DIGITS))  # no word has a space
_PIECES = re.compile(r"[,;:()]|[^\s,;:()]+")
_NUMBER = re.compile(r"(-?)([0-9]{1,6})(?:\.([0-9]{1,3}))?")
_UNIT = 100.0  # a digit's value is told in hundreds: an age is between 0 and 1


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Prompts as numbers.

    Attributes:
        ids: int64 [prompt, length].
        unknown: words that the vocabulary does not have, each once, sorted; they became one and the same token.
        cut: rows of the prompts that were longer, whose last tokens are left out.
    """

    ids: np.ndarray
    unknown: tuple[str, ...]
    cut: tuple[int, ...]

    def warning(self) -> str:
        """Return a sentence on what was lost, empty where nothing was."""
        told = []
        if self.unknown:
            told.append(f"Unknown words, all one token that training never had: {', '.join(self.unknown)}.")
        if self.cut:
            told.append(f"{len(self.cut)} prompts are longer than {self.ids.shape[1]} tokens and were cut.")
        return " ".join(told)


@dataclass(frozen=True, kw_only=True)
class PromptTokenizer:
    """Words and digits as numbers, always ``length`` of them: a start, the tokens, an end, then padding.

    Words are parted by spaces, in lower case; a comma is a token. A number of up to six digits before and three behind
    the point becomes one token for each digit, which also tells its place: 63 is six tens and three ones, 1.5 one one
    and five tenths, -2 a minus and two ones. So a number that training never had (an age that nobody has) is made of
    tokens that training had, and two ages of one decade share a token. What a digit is worth is known as
    :attr:`values`, which sum up to the number but for its sign. In the network that reads them
    (:class:`mrisynth.networks.text_encoder.TextEncoder`) the digits of a place start alike but for that, so that 59 and
    60, which share no token, start nearer each other than 59 and 20.

    Attributes:
        words: the vocabulary but for special tokens and digits, sorted.
        length: tokens of every prompt.
    """

    words: tuple[str, ...]
    length: int = LENGTH

    @classmethod
    def train(cls, prompts: Iterable[str], *, length: int = LENGTH) -> PromptTokenizer:
        """Return the tokenizer with every word of the prompts; their order and number do not matter.

        Raises:
            MrisynthError: there are more than 8192 words, as where a column names each scan, or the length is below 3.
        """
        words = {word for prompt in prompts for word in _pieces(prompt) if not isinstance(word, tuple)}
        if len(words) > MOST_WORDS:
            raise MrisynthError(
                f"The prompts have {len(words)} words, such as {sorted(words)[-1]!r}; expected {MOST_WORDS} at most, "
                "so leave columns that name single scans out of the template."
            )
        if length < 3:
            raise MrisynthError(f"Prompts of {length} tokens hold no word; expected a length of 3 or more.")
        return cls(words=tuple(sorted(words - set(_FIXED))), length=length)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> PromptTokenizer:
        """Return the tokenizer of :meth:`to_dict`.

        Raises:
            MrisynthError: it is of another kind, or its words are not those that its hash was taken of.
        """
        words = content.get("words")
        if content.get("kind") != KIND or not isinstance(words, list | tuple) or not isinstance(content["length"], int):
            raise MrisynthError(f"Found a tokenizer of the kind {content.get('kind')!r}; expected {KIND!r}.")
        found = cls(words=tuple(map(str, words)), length=content["length"])
        if found.sha256 != content.get("sha256"):
            raise MrisynthError(
                "The vocabulary of the prompts is not the one that the model was trained with (its hash differs); "
                "export the model again."
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the tokenizer as JSON has it, with the hash of its vocabulary."""
        return {"kind": KIND, "length": self.length, "words": list(self.words), "sha256": self.sha256}

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every token, in the order of its number."""
        return (*_FIXED, *self.words)

    @property
    def sha256(self) -> str:
        """Hash of the vocabulary in its order and of the length."""
        return hashlib.sha256(json.dumps([self.length, *self.vocabulary]).encode()).hexdigest()

    @property
    def values(self) -> np.ndarray:
        """What each token adds to its number, in hundreds: float32 [vocabulary], 0 for words."""
        return self._of_digits([digit * 10.0**place / _UNIT for digit, place in _DIGITS]).astype(np.float32)

    @property
    def places(self) -> np.ndarray:
        """Number of the place of each digit: int64 [vocabulary], 1 to 9 from hundred thousands on, 0 for words."""
        return self._of_digits([_PLACES.index(place) + 1 for _, place in _DIGITS]).astype(np.int64)

    def encode(self, prompts: Sequence[str]) -> Tokens:
        """Return the tokens of prompts; an empty prompt is a start and an end."""
        ids = np.full((len(prompts), self.length), PAD, dtype=np.int64)
        unknown: set[str] = set()
        cut = []
        for row, prompt in enumerate(prompts):
            pieces = _pieces(prompt)
            found = [self._number(piece) for piece in pieces]
            unknown |= {str(piece) for piece, number in zip(pieces, found, strict=True) if number == UNKNOWN}
            if len(found) > self.length - 2:
                cut.append(row)
            tokens = [START, *found[: self.length - 2], END]
            ids[row, : len(tokens)] = tokens
        return Tokens(ids=ids, unknown=tuple(sorted(unknown)), cut=tuple(cut))

    def _of_digits(self, facts: Sequence[float]) -> np.ndarray:
        found = np.zeros(len(self.vocabulary))
        start = _FIXED.index(f"0 e{_PLACES[0]}")
        found[start : start + len(facts)] = facts
        return found

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.vocabulary)}

    def _number(self, piece: str | tuple[int, int]) -> int:
        if isinstance(piece, tuple):
            return self._numbers["{} e{}".format(*piece)]
        return UNKNOWN if piece in SPECIAL else self._numbers.get(piece, UNKNOWN)


def _pieces(prompt: str) -> list[str | tuple[int, int]]:
    """Return the words of a prompt, and (digit, power of ten) for the digits of its numbers."""
    found: list[str | tuple[int, int]] = []
    for word in _PIECES.findall(prompt.lower()):
        if (number := _NUMBER.fullmatch(word)) is None:
            found.append(word)
            continue
        minus, whole, part = number.group(1), str(int(number.group(2))), (number.group(3) or "").rstrip("0")
        found += ["-"] * bool(minus)
        found += [(int(digit), len(whole) - 1 - at) for at, digit in enumerate(whole)]
        found += [(int(digit), -1 - at) for at, digit in enumerate(part)]
    return found
