"""Prompts as rows of tokens, and what networks are told of these rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.networks.text_columns import TextColumns, Vocabulary
from mrisynth.networks.text_encoder import TextEncoder
from mrisynth.text.biomedclip import load_biomedclip
from mrisynth.text.biomedclip_files import found_file
from mrisynth.text.prompt_rows import PromptRows, TextSettings
from mrisynth.text.tokenizer import END, PAD, START, PromptTokenizer
from mrisynth.text.wordpieces import VOCABULARY, WordPieces, read_wordpieces

_LOG = logging.getLogger(__name__)
_SEPARATOR = ","


class PromptEncoding:
    """What turns the prompts of a condition into rows of labels, see :class:`TextColumns`.

    Args:
        rows: what the condition knows. With BiomedCLIP its folder has to be there.
    """

    def __init__(self, rows: PromptRows) -> None:
        self._tokenizer = _tokenizer(rows)
        (comma,) = self._tokenizer.encode([_SEPARATOR]).ids[:, 1]
        self._warned: set[str] = set()
        shared = {"length": rows.settings.length, "comma": int(comma)}
        if isinstance(self._tokenizer, PromptTokenizer):
            words = Vocabulary(
                size=len(self._tokenizer.vocabulary), values=self._tokenizer.values, places=self._tokenizer.places,
                layers=rows.settings.layers, heads=rows.settings.heads,
            )  # fmt: skip
            self.columns = TextColumns(**shared, ends=(PAD, START, END), encoder=words)
        else:
            ends = (self._tokenizer.pad, self._tokenizer.start, self._tokenizer.end)
            self.columns = TextColumns(**shared, ends=ends, encoder=partial(_published, rows.settings))

    def rows(self, prompts: Sequence[str]) -> np.ndarray:
        """Return rows of labels, float32 [n, 1 + tokens]; of what is lost there is a warning, once."""
        tokens = self._tokenizer.encode(list(prompts))
        if (warning := tokens.warning()) and warning not in self._warned:
            self._warned.add(warning)
            _LOG.warning("%s", warning)
        return np.column_stack([np.zeros(len(tokens.ids)), tokens.ids]).astype(np.float32)


def _tokenizer(rows: PromptRows) -> PromptTokenizer | WordPieces:
    if rows.tokenizer is not None:
        return rows.tokenizer
    folder = found_file(_folder(rows.settings), "tokenizer", (VOCABULARY,)).parent
    return read_wordpieces(folder, length=rows.settings.length)


def _published(settings: TextSettings) -> TextEncoder:
    found = load_biomedclip(_folder(settings), length=settings.length)
    if found.sha256 != settings.sha256:
        raise MrisynthError(
            f"{found.weights} is not the file that the model was told by (sha256 {settings.sha256[:12]}...); put that "
            "one there."
        )
    return found.encoder


def _folder(settings: TextSettings) -> Path:
    folder = Path(settings.folder or "")
    if not settings.folder or not folder.is_dir():
        raise MrisynthError(
            f"{settings.folder}: this folder is not there; the model is told by BiomedCLIP, whose weights are no part "
            "of it: put the published files there."
        )
    return folder
