"""Conditions: what a model is told about each scan besides noise, as one table of labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.covariates.rows import CovariateRows
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, read_table, write_json, write_table
from mrisynth.labels import MISSING_LABEL, label_name, label_of
from mrisynth.seeds import derive_seed
from mrisynth.text.prompt_rows import PROMPT, PromptRows

_LOG = logging.getLogger(__name__)
MOST_CATEGORIES = 20
RESERVED = ("scan", "sample", "seed", "shard", "label", "label_name", "weight")
"""Columns that tables of labels and of samples have of their own."""

_ORDERS = {"sex": ("m", "f"), "age_tercile": ("low", "middle", "high")}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The labels of all scans.

    Attributes:
        name: name of the condition.
        table: one row a scan: ``scan``, one text column per entry of ``columns``, ``label`` (position in ``classes``;
            below 0 a value is missing, see :mod:`mrisynth.labels`: -1 when all are) and ``label_name`` (``f n/a`` when
            one of two is missing); of clusters also ``weight``, how often training shows the scan, on average 1.
        columns: categories of each column, in their fixed order.
        classes: names of the joint classes: all combinations of the categories, the last column fastest
            (``m low``, ``m middle`` ... ``f high``); empty for the condition ``none``.
        origin: what it was made of, such as the round of clusters and their stability; may be empty.
        warnings: what a reader of any result under this condition must know.
        covariates: of a condition of covariates, whose classes are its sources: what they know, and models of what they
            do not know. Its table also has one column a covariate, in real units, and is made by
            :mod:`mrisynth.covariate_condition`.
        text: of a condition of prompts, which has no classes: how they are written, and those of the training scans.
            Its table has a column ``prompt``, and is made by :mod:`mrisynth.text.prompt_condition`.
    """

    name: str
    table: pd.DataFrame
    columns: dict[str, list[str]]
    classes: list[str]
    origin: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    covariates: CovariateRows | None = None
    text: PromptRows | None = None

    def labels(self, scans: Sequence[str]) -> np.ndarray:
        """Return the labels of these scans, int64, in their order.

        Raises:
            MrisynthError: a scan is not in the table.
        """
        known = dict(zip(self.table["scan"], self.table["label"], strict=True))
        if absent := [scan for scan in scans if scan not in known]:
            raise MrisynthError(f"condition {self.name} knows no scan {absent[0]} ({len(absent)} unknown in all).")
        return np.array([known[scan] for scan in scans], dtype=np.int64)

    def prompts(self, scans: Sequence[str]) -> list[str]:
        """Return the prompts of these scans, of a condition of text."""
        return self.table.set_index("scan")[PROMPT].loc[list(scans)].tolist()

    def counts(self, scans: Sequence[str]) -> list[int]:
        """Return how many of these scans have each class, in the order of ``classes``; missing labels not counted."""
        labels = self.labels(scans)
        return [int((labels == label).sum()) for label in range(len(self.classes))]

    def weights(self, scans: Sequence[str]) -> np.ndarray | None:
        """Return how often training shows each of these scans beside the others, float64; None when all weigh alike."""
        if "weight" not in self.table:
            return None
        weights = self.table.set_index("scan")["weight"].loc[list(scans)].to_numpy(dtype=np.float64)
        return None if (weights == weights[:1]).all() else weights


def build_condition(
    name: str,
    scans: pd.DataFrame,
    *,
    kind: str,
    columns: Sequence[str] = (),
    classes: int = 6,
    seed: int = 0,
    clusters: pd.DataFrame | None = None,
) -> Condition:
    """Label every scan for one condition.

    Categories are those that occur in the training split (all rows where ``scans`` has no column ``split``): a
    category that no training scan has counts as a missing value. A scan with some values missing gets a label below -1
    that tells the others, one with none the label -1.

    Args:
        name: name of the condition, for errors and the files.
        scans: the scans table, one row a scan.
        kind: ``none`` (every scan the same), ``categorical`` (``columns``, jointly), ``random`` (a control: one of
            ``classes`` classes by a hash of seed and scan) or ``clusters`` (``clusters``).
        columns: columns of ``scans``, for ``categorical``.
        classes: number of classes, for ``random``.
        seed: the study's seed, for ``random``.
        clusters: table with ``scan``, ``cluster`` (-1: none), if named ``cluster_name``, and if the clusters are not
            to be shown as often as they are ``weight``, for ``clusters``.

    Raises:
        MrisynthError: a column is missing or has a name of :data:`RESERVED`, holds only one category or more than
            :data:`MOST_CATEGORIES`, or all training scans are of one class.
    """
    if kind == "none":
        table = scans[["scan"]].assign(label=0, label_name="all").reset_index(drop=True)
        return Condition(name=name, table=table, columns={}, classes=[])
    if kind == "categorical":
        for column in set(columns) & set(RESERVED):
            raise MrisynthError(f"conditions.{name}.columns names {column}, which no condition can be made of.")
        values = {column: _text(scans, column, name) for column in columns}
        orders = {column: _ORDERS.get(column, ()) for column in columns}
        if not columns:
            raise MrisynthError(f"conditions.{name}.columns is empty; name columns of the scans table.")
    elif kind == "random":
        words = [f"random-{number}" for number in range(classes)]
        drawn = [words[derive_seed(seed, "condition", name, scan) % classes] for scan in scans["scan"]]
        values, orders = {"random": pd.Series(drawn, dtype="object")}, {"random": words}
    elif kind == "clusters":
        values, orders = _cluster_names(name, scans, clusters)
        condition = _joint(name, scans.reset_index(drop=True), values, orders)
        return _weighted(condition, clusters) if clusters is not None and "weight" in clusters else condition
    else:
        raise MrisynthError(f"conditions.{name}.kind is {kind}; expected none, categorical, random or clusters.")
    return _joint(name, scans.reset_index(drop=True), values, orders)


def write_condition(condition: Condition, path: Path) -> None:
    """Write the table to ``path`` (``{name}.tsv``) and columns and classes to the JSON file beside it."""
    content = {"name": condition.name, "columns": condition.columns, "classes": condition.classes}
    content["column_order"] = list(condition.columns)
    content |= {"origin": condition.origin, "warnings": condition.warnings}
    if condition.covariates is not None:
        content["covariates"] = condition.covariates.to_dict()
    if condition.text is not None:
        content["text"] = condition.text.to_dict()
    write_json(content, path.with_suffix(".json"))
    write_table(condition.table, path)


def read_condition(path: Path) -> Condition:
    """Read what :func:`write_condition` wrote to ``path``."""
    content = read_json(path.with_suffix(".json"))
    columns = {column: content["columns"][column] for column in content["column_order"]}
    words = [*columns, *([PROMPT] if "text" in content else [])]
    table = read_table(path, **dict.fromkeys(words, "string"), label="int64")
    return Condition(
        name=content["name"],
        table=table,
        columns=columns,
        classes=content["classes"],
        origin=content.get("origin", {}),
        warnings=content.get("warnings", []),
        covariates=CovariateRows.from_dict(content["covariates"]) if "covariates" in content else None,
        text=PromptRows.from_dict(content["text"]) if "text" in content else None,
    )


def _text(scans: pd.DataFrame, column: str, name: str) -> pd.Series:
    if column not in scans:
        raise MrisynthError(
            f"conditions.{name}.columns names {column}, which the scans table does not have; it has "
            f"{', '.join(scans.columns)}."
        )
    values = scans[column].reset_index(drop=True)
    if pd.api.types.is_float_dtype(values):
        return values.map(lambda value: f"{value:g}", na_action="ignore").astype("object")
    return values.map(str, na_action="ignore").astype("object")


def _cluster_names(
    name: str, scans: pd.DataFrame, clusters: pd.DataFrame | None
) -> tuple[dict[str, pd.Series], dict[str, Sequence[str]]]:
    if clusters is None or not {"scan", "cluster"} <= set(clusters.columns):
        raise MrisynthError(f"condition {name} needs a table of clusters with the columns scan and cluster.")
    found = clusters[clusters["cluster"] >= 0].sort_values("cluster", kind="stable")
    words = found["cluster_name"] if "cluster_name" in found else "cluster-" + found["cluster"].astype(int).astype(str)
    by_scan = dict(zip(found["scan"], words.astype(str), strict=True))
    absent = set(scans["scan"]) - set(clusters["scan"])
    if absent:
        _LOG.warning("condition %s: %d scans have no cluster and get label -1: %s", name, len(absent), sorted(absent))
    values = pd.Series([by_scan.get(scan) for scan in scans["scan"]], dtype="object")
    return {"cluster": values}, {"cluster": list(dict.fromkeys(by_scan.values()))}


def _weighted(condition: Condition, clusters: pd.DataFrame) -> Condition:
    weights = dict(zip(clusters["scan"], clusters["weight"], strict=True))
    table = condition.table.assign(weight=[float(weights.get(scan, 1.0)) for scan in condition.table["scan"]])
    return replace(condition, table=table)


def _joint(
    name: str, scans: pd.DataFrame, values: Mapping[str, pd.Series], orders: Mapping[str, Sequence[str]]
) -> Condition:
    training = scans["split"] == "train" if "split" in scans else pd.Series(True, index=scans.index)
    columns = {column: _categories(name, column, texts[training], orders[column]) for column, texts in values.items()}
    classes = [" ".join(combination) for combination in product(*columns.values())]
    sizes = [len(words) for words in columns.values()]
    positions = [{word: number for number, word in enumerate(words)} for words in columns.values()]
    labels = [
        label_of([numbers.get(word) for numbers, word in zip(positions, row, strict=True)], sizes)
        for row in zip(*values.values(), strict=True)
    ]
    table = pd.DataFrame({"scan": scans["scan"], **values, "label": labels})
    table["label_name"] = [None if label == MISSING_LABEL else label_name(label, columns) for label in labels]
    present = table["label"][training & (table["label"] >= 0)]
    if present.nunique() < 2:
        raise MrisynthError(
            f"conditions.{name}: all {len(present)} training scans that have {' and '.join(columns)} are of one class; "
            f"a condition needs at least two. Choose other columns, or the condition none."
        )
    empty = [classes[label] for label in range(len(classes)) if label not in set(present)]
    if empty:
        _LOG.warning("condition %s: no training scan is of class %s", name, ", ".join(empty))
    unlabelled, partly = int((table["label"] == MISSING_LABEL).sum()), int((table["label"] < MISSING_LABEL).sum())
    if unlabelled or partly:
        _LOG.warning(
            "condition %s: of %d scans %d have no label and %d a part of one", name, len(table), unlabelled, partly
        )
    return Condition(name=name, table=table, columns=columns, classes=classes)


def _categories(name: str, column: str, training: pd.Series, order: Sequence[str]) -> list[str]:
    found = set(training.dropna())
    if len(found) < 2:
        what = f"the single category {found.pop()}" if found else "no value at all"
        raise MrisynthError(
            f"conditions.{name}: column {column} has {what} in the {len(training)} training scans; a condition needs "
            f"at least two categories. Choose another column, or the condition none."
        )
    if len(found) > MOST_CATEGORIES:
        advice = "; use age_tercile" if column == "age" else ""
        raise MrisynthError(
            f"conditions.{name}: column {column} has {len(found)} different values in the training scans; at most "
            f"{MOST_CATEGORIES} can be classes{advice}."
        )
    return [word for word in order if word in found] + sorted(found - set(order))
