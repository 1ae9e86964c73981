"""Conditions of text: a prompt for every scan, written of its columns."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mrisynth.conditions import RESERVED, Condition
from mrisynth.covariate_condition import build_covariate_condition
from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of
from mrisynth.text.biomedclip_files import weights_file
from mrisynth.text.prompt_rows import BIOMEDCLIP, PROMPT, PromptRows, TextSettings
from mrisynth.text.prompts import ATTRIBUTES, MODALITIES, PromptTemplate, prompts_of, words_of

_LOG = logging.getLogger(__name__)
_SEX, _AGE = "sex", "age"
_ALL = "all"


def build_text_condition(
    name: str,
    scans: pd.DataFrame,
    *,
    columns: Sequence[str] = (),
    template: Mapping[str, Any] | None = None,
    text: Mapping[str, Any] | None = None,
    seed: int,
) -> Condition:
    """Return the condition whose labels are prompts.

    It has no classes: all prompts are of one.

    Args:
        name: of the condition.
        scans: one row a scan: ``scan``, ``split``, and the columns.
        columns: what the prompts say; ``sex`` and ``age`` become words of their own, of others name and value stand.
        template: the other parts, see :func:`template_of`.
        text: how prompts are encoded, by the names of :class:`TextSettings`.
        seed: the study's seed, of the fit of what the columns say together.

    Raises:
        MrisynthError: a column is missing or one that no prompt can have, or see :meth:`PromptRows.fit`.
    """
    scans = scans.reset_index(drop=True)
    written = template_of(columns, template or {})
    settings = TextSettings(**text or {})
    try:
        for one in written.needed:
            if one in (*RESERVED, PROMPT):
                raise MrisynthError(f"columns names {one}, which no prompt can be made of.")
        if settings.encoder == BIOMEDCLIP:
            settings = TextSettings(**{**(text or {}), "sha256": sha256_of(weights_file(settings.folder))})
        table = pd.DataFrame(words_of(scans, written), columns=written.needed)
        table.insert(0, "scan", scans["scan"])
        prompts = prompts_of(scans, written)
        training = scans["split"] == "train"
        told = [prompt for prompt, seen in zip(prompts, training, strict=True) if seen]
        sources = {_ALL: {"covariates": written.needed}}
        covariates = build_covariate_condition(name, scans[training], sources=sources, seed=seed).covariates
        rows = PromptRows.fit(told, written, settings=settings, covariates=covariates)
    except MrisynthError as error:
        raise MrisynthError(f"conditions.{name}: {str(error).removeprefix(f'conditions.{name}: ')}") from error
    _LOG.info("condition %s: %d prompts of training scans, such as %r", name, len(set(told)), min(told))
    table = table.replace("", None).assign(**{PROMPT: prompts}, label=0, label_name="all")
    return Condition(name=name, table=table, columns={}, classes=[], text=rows)


def template_of(columns: Sequence[str], given: Mapping[str, Any]) -> PromptTemplate:
    """Return the template of a condition.

    Args:
        columns: what the prompts say.
        given: ``contrast``, ``contrast_column``, ``region``, ``region_column``, and further words for ``modalities``
            and ``attributes``, which replace the usual ones of a contrast.
    """
    words = {"modalities": MODALITIES, "attributes": ATTRIBUTES}
    plain = {key: value or "" for key, value in given.items() if key not in words}
    return PromptTemplate(
        **plain, **{key: {**usual, **(given.get(key) or {})} for key, usual in words.items()},
        sex_column=_SEX if _SEX in columns else "", age_column=_AGE if _AGE in columns else "", structures=False,
        columns=tuple(one for one in columns if one not in (_SEX, _AGE)),
    )  # fmt: skip
