"""Export: models, samples, scores and pages of a study in one folder for others, and nothing that names a person."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth import __version__
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, read_table, sha256_of, write_json, write_table
from mrisynth.redistribution import Redistribution
from mrisynth.slices.exchange import SYNTHETIC_LABELS
from mrisynth.terms import TERMS, write_terms

_LOG = logging.getLogger(__name__)
_BIDS_VERSION = "1.9.0"
_WEIGHTS, _RECIPE = "generator.safetensors", "recipe.json"
_COLUMNS_OF_SAMPLES = ("sample", "shard")  # what the table of a data set says in another way
_PAGES = ("index.html", "comparison.html", "figures", "figures_vector", "tables", "scorecards")
_TABLES = ("metrics.tsv", "comparison.tsv", "replicates.tsv")
_CITED = ("citations.tsv", "citations.bib")


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What goes out.

    Attributes:
        study: folder of the study, whose results are all there.
        title: of the study.
        models: names of the models.
        terms: what may be done with the results.
    """

    study: Path
    title: str
    models: Sequence[str]
    terms: Redistribution


def export(wanted: Exported, folder: Path) -> None:
    """Write ``models/``, ``samples/`` (a BIDS derivative data set a model), ``report/``, tables, terms, checksums.

    Real scans, tables of participants, embeddings, encoders, training states, suspects of memorisation, logs and
    records of jobs are never part of it. Paths of the user's machine are taken out of the recipes.

    Args:
        wanted: what to export.
        folder: receives it; must not hold anything yet.

    Raises:
        MrisynthError: the results may not be passed on, a result is missing, or the folder is not empty.
    """
    wanted.terms.require("The export")
    if folder.exists() and any(folder.iterdir()):
        raise MrisynthError(f"{folder} holds something already; delete it and export again.")
    folder.mkdir(parents=True, exist_ok=True)
    for model in wanted.models:
        _model(wanted, model, folder / "models" / model)
        _samples(wanted, model, folder / "samples" / model)
    for name in _TABLES:
        shutil.copyfile(_there(wanted.study / name), folder / name)
    for name in _CITED:
        shutil.copyfile(_there(wanted.study / "provenance" / name), folder / name)
    for name in _PAGES:
        _copy(_there(wanted.study / "report" / name), folder / "report" / name)
    write_terms(folder / TERMS, wanted.terms, title=wanted.title)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    rows = [{"file": path.relative_to(folder).as_posix(), "sha256": sha256_of(path)} for path in files]
    write_table(pd.DataFrame(rows), folder / "checksums.tsv")
    _LOG.info("%d files in %s. %s", len(rows), folder, wanted.terms.words)


def _model(wanted: Exported, model: str, folder: Path) -> None:
    source = wanted.study / "models" / model
    folder.mkdir(parents=True)
    shutil.copyfile(_there(source / _WEIGHTS), folder / _WEIGHTS)
    facts = read_json(_there(source / _RECIPE))
    if start := facts["model"].get("start_from"):
        facts["model"]["start_from"] = Path(start).name
    if published := facts.get("text", {}).get("settings", {}).get("folder"):
        facts["text"]["settings"]["folder"] = Path(published).name
    for kept in ("encoders_sha256", "critic_sha256"):  # these networks stay: they know persons of the training again
        facts.pop(kept, None)
    facts["terms"] = wanted.terms.record()
    write_json(facts, folder / _RECIPE)
    write_terms(folder / TERMS, wanted.terms, title=wanted.title)


def _samples(wanted: Exported, model: str, folder: Path) -> None:
    """Write the samples that stand as NIfTI as a BIDS derivative data set, one synthetic participant a sample."""
    source = wanted.study / "samples" / model
    if (source / "nifti" / SYNTHETIC_LABELS).is_file():
        _slices(wanted, source / "nifti", folder)
        return
    table = read_table(_there(source / "samples.tsv"))
    images = {int(re.sub(r"\D", "", path.name.split("_")[0])): path for path in (source / "nifti").glob("*_T1w.nii.gz")}
    shown = table[table["sample"].isin(images)]
    names = {number: f"sub-{number:06d}" for number in shown["sample"]}
    for number, name in names.items():
        target = folder / name / "anat" / f"{name}_T1w.nii.gz"
        target.parent.mkdir(parents=True)
        shutil.copyfile(images[number], target)
    folder.mkdir(parents=True, exist_ok=True)
    rest = shown.drop(columns=[name for name in _COLUMNS_OF_SAMPLES if name in shown])
    rest.insert(0, "participant_id", shown["sample"].map(names))
    write_table(rest, folder / "participants.tsv")
    write_json(_description(wanted, model), folder / "dataset_description.json")
    write_terms(folder / TERMS, wanted.terms, title=wanted.title)


def _slices(wanted: Exported, source: Path, folder: Path) -> None:
    """Copy drawn slices as they are: pictures, stack and labels."""
    shutil.copytree(source, folder)
    write_terms(folder / TERMS, wanted.terms, title=wanted.title)


def _description(wanted: Exported, model: str) -> Mapping[str, Any]:
    return {
        "Name": f"Synthetic T1-weighted brains of model {model}, {wanted.title}",
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "mrisynth", "Version": __version__, "Description": f"samples of model {model}"}],
        "License": wanted.terms.licence or "not stated",
        "HowToAcknowledge": wanted.terms.attribution or "not stated",
    }


def _there(path: Path) -> Path:
    if not path.exists():
        raise MrisynthError(f"{path} is missing; run the study to its end before it is exported.")
    return path


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
