"""What a condition of prompts knows: how they are written and read, and how often they say what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from mrisynth.covariates.rows import CovariateRows
from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING
from mrisynth.text.prompts import PromptTemplate, prompts_of, words_of
from mrisynth.text.tokenizer import LENGTH, PromptTokenizer

PROMPT = "prompt"
"""The column of tables of labels and of samples that has the prompts."""

OWN, BIOMEDCLIP = "own", "biomedclip"


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """How prompts are encoded.

    Attributes:
        encoder: ``own``, trained with the denoiser, or ``biomedclip``, frozen.
        folder: of BiomedCLIP.
        length: tokens of a prompt.
        layers, heads: of the own encoder.
        sha256: of BiomedCLIP's weights; empty for the own encoder.
    """

    encoder: str = OWN
    folder: str | None = None
    length: int = LENGTH
    layers: int = 2
    heads: int = 4
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A label in words.

    Attributes:
        words: the prompt.
        values: what it says of each column of the template; empty strings for nothing.
    """

    words: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PromptRows:
    """What a condition of prompts knows; nothing in it is of a single person.

    Attributes:
        template: how prompts are written.
        settings: how they are encoded.
        tokenizer: of the words of the training prompts; None where the encoder has its own.
        covariates: of the columns of the template, from whose model the values of samples are drawn.
    """

    template: PromptTemplate
    settings: TextSettings
    tokenizer: PromptTokenizer | None
    covariates: CovariateRows

    @classmethod
    def fit(
        cls, prompts: Sequence[str], template: PromptTemplate, *, settings: TextSettings, covariates: CovariateRows
    ) -> PromptRows:
        """Return what the training scans say.

        Args:
            prompts: of the training scans.
            template: how they were written.
            settings: how they are encoded.
            covariates: what is known of the columns.

        Raises:
            MrisynthError: all prompts are the same, or have more words than a tokenizer or more than its tokens hold.
        """
        told = sorted(set(prompts))
        if len(told) < 2:
            raise MrisynthError(
                f"all {len(prompts)} training scans have the prompt {''.join(told)!r}; name columns that differ, or "
                "take the condition none."
            )
        tokenizer = PromptTokenizer.train(told, length=settings.length) if settings.encoder == OWN else None
        if tokenizer is not None and (cut := tokenizer.encode(told).cut):
            raise MrisynthError(
                f"{len(cut)} prompts are longer than {settings.length} tokens, such as {told[cut[0]]!r}; set "
                "text.length higher or name fewer columns."
            )
        return cls(template=template, settings=settings, tokenizer=tokenizer, covariates=covariates)

    @property
    def columns(self) -> list[str]:
        """The columns that prompts are written of."""
        return self.template.needed

    def prompt(self, values: Mapping[str, Any]) -> Prompt:
        """Return the prompt that says these values of columns, and nothing of the others.

        Raises:
            MrisynthError: a value cannot be read.
        """
        row = pd.DataFrame([{name: values.get(name) for name in self.columns}], dtype=object)
        (words,), (said,) = prompts_of(row, self.template), words_of(row, self.template)
        return Prompt(words=words, values=said)

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain words and numbers, as JSON holds them."""
        tokenizer = None if self.tokenizer is None else self.tokenizer.to_dict()
        content = {"template": self.template.to_dict(), "settings": asdict(self.settings), "tokenizer": tokenizer}
        return content | {"covariates": self.covariates.to_dict()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> PromptRows:
        """Return what :meth:`to_dict` gave; raises MrisynthError for a tokenizer that was changed."""
        tokenizer = plain["tokenizer"]
        return cls(
            template=PromptTemplate.from_dict(plain["template"]),
            settings=TextSettings(**plain["settings"]),
            tokenizer=None if tokenizer is None else PromptTokenizer.from_dict(tokenizer),
            covariates=CovariateRows.from_dict(plain["covariates"]),
        )


def said_or_missing(words: str) -> str:
    """Return words, ``n/a`` for none."""
    return words or MISSING
