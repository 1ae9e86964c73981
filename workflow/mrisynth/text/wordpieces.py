"""The tokenizer of a published BERT, from its ``vocab.txt``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import BertWordPieceTokenizer

from mrisynth.errors import MrisynthError
from mrisynth.text.tokenizer import LENGTH, Tokens

VOCABULARY = "vocab.txt"
_PAD, _UNKNOWN, _START, _END, _MASK = _SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, kw_only=True)
class WordPieces:
    """Words and parts of words as numbers: a start, the tokens, an end, then padding, always ``length``.

    Attributes:
        numbers: of each token.
        length: tokens of every prompt.
        lowercase: whether words are put in lower case, without accents.
    """

    numbers: dict[str, int]
    length: int
    lowercase: bool

    @property
    def pad(self) -> int:
        """The token of padding."""
        return self.numbers[_PAD]

    @property
    def start(self) -> int:
        """The first token of every prompt."""
        return self.numbers[_START]

    @property
    def end(self) -> int:
        """The last token of every prompt, before the padding."""
        return self.numbers[_END]

    def encode(self, prompts: Sequence[str]) -> Tokens:
        """Return the tokens of prompts; a word is unknown when no parts of it are known either."""
        pieces = BertWordPieceTokenizer(self.numbers, lowercase=self.lowercase)
        ids = np.full((len(prompts), self.length), self.pad, dtype=np.int64)
        unknown: set[str] = set()
        cut = []
        for row, prompt in enumerate(prompts):
            found = pieces.encode(prompt, add_special_tokens=False)
            places = zip(found.ids, found.offsets, strict=True)
            unknown |= {prompt[slice(*place)] for number, place in places if number == self.numbers[_UNKNOWN]}
            if len(found.ids) > self.length - 2:
                cut.append(row)
            tokens = [self.start, *found.ids[: self.length - 2], self.end]
            ids[row, : len(tokens)] = tokens
        return Tokens(ids=ids, unknown=tuple(sorted(unknown)), cut=tuple(cut))


def read_wordpieces(folder: Path, *, length: int = LENGTH) -> WordPieces:
    """Return the tokenizer of a folder.

    Args:
        folder: holds ``vocab.txt``, one token a line, and perhaps ``tokenizer_config.json``, of which ``do_lower_case``
            is read; without it words are put in lower case.
        length: tokens of every prompt.

    Raises:
        MrisynthError: a file is missing or no text, a token stands twice, or a special token is not there.
    """
    path = folder / VOCABULARY
    try:
        tokens = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # splitlines() would cut tokens
    except (OSError, UnicodeDecodeError) as error:
        raise MrisynthError(f"{path} cannot be read ({type(error).__name__}); expected a token a line.") from error
    numbers = {token: number for number, token in enumerate(tokens)}
    if len(numbers) < len(tokens) or not set(_SPECIAL) <= numbers.keys():
        lost = next((token for token in _SPECIAL if token not in numbers), "each token once")
        raise MrisynthError(f"{path} is no vocabulary of a BERT: expected {lost} in it; fetch it as it was published.")
    settings = folder / "tokenizer_config.json"
    try:
        told = json.loads(settings.read_text()) if settings.is_file() else {}
    except ValueError as error:
        raise MrisynthError(f"{settings} is no JSON file; fetch it as it was published.") from error
    lowercase = told.get("do_lower_case", True) if isinstance(told, dict) else True
    return WordPieces(numbers=numbers, length=length, lowercase=bool(lowercase))
