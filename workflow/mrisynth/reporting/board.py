"""The score board: the long table of scores arranged for people, once for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

SOURCE_ORDER = {"model": 0, "untrained": 1, "noise": 2}

_METRIC_WORDS = {"fid": "FID", "precision": "precision", "recall": "recall"}
_ARROWS = {"lower": "↓", "higher": "↑"}
_REFERENCE_WORDS = {"test": "test scans", "train": "training scans"}
_LARGE = 1000
_BETTER = {"fid": "lower", "precision": "higher", "recall": "higher"}


@dataclass(frozen=True)
class Cell:
    """One value; ``best`` among the models of its column, ``at_floor`` when real scans score no better."""

    text: str
    floor: str = ""
    best: bool = False
    at_floor: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a board; controls are drawn apart from the models."""

    label: str
    cells: tuple[Cell, ...]
    control: bool


@dataclass(frozen=True)
class Column:
    """One column: a metric against a reference, whether lower or higher is better, and the scans in each set."""

    metric: str
    title: str
    better: str
    reference: str
    n: int


@dataclass(frozen=True)
class Board:
    """The scores in one feature space at one view.

    Attributes:
        floor: one cell per column: real scans against real scans, with its range.
    """

    features: str
    trained: bool
    view: int
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    floor: tuple[Cell, ...]


def boards(scores: pd.DataFrame) -> list[Board]:
    """Return one board per feature space and view of the table of :func:`mrisynth.metrics.summary.collect`."""
    spaces = scores.groupby(["features", "features_trained", "view"], sort=False)
    return [
        _board(part.reset_index(drop=True), str(features), trained=bool(trained), view=int(view))
        for (features, trained, view), part in spaces
    ]


def row_label(model: str, source: str) -> str:
    """Return the words for a row: the model, its untrained generator, or noise."""
    return {"model": model, "untrained": f"{model}, untrained", "noise": "noise"}[source]


def metric_title(metric: str) -> str:
    """Return the metric's name with an arrow towards better values."""
    return f"{_METRIC_WORDS.get(metric, metric)} {_ARROWS[_BETTER.get(metric, 'lower')]}"


def number(value: float, *, metric: str) -> str:
    """Return a value as people read it: shares to two decimals, others to three digits, missing as n/a."""
    if pd.isna(value):
        return "n/a"
    if _BETTER.get(metric) == "higher":
        return f"{value:.2f}"
    return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:#.3g}".rstrip(".")


def _board(part: pd.DataFrame, features: str, *, trained: bool, view: int) -> Board:
    keys = part[["reference", "metric", "n"]].drop_duplicates()
    keys = keys.sort_values("reference", key=lambda column: column.map({"test": 0, "train": 1}), kind="stable")
    columns = tuple(
        Column(key.metric, metric_title(key.metric), _BETTER.get(key.metric, "lower"),
               _REFERENCE_WORDS[key.reference], int(key.n))
        for key in keys.itertuples()
    )  # fmt: skip
    by_column = [
        part[(part["reference"] == key.reference) & (part["metric"] == key.metric) & (part["n"] == key.n)]
        for key in keys.itertuples()
    ]
    lines = part.drop_duplicates(["model", "source"])
    lines = lines.sort_values("source", key=lambda column: column.map(SOURCE_ORDER), kind="stable")
    found = [{(row["model"], row["source"]): row for _, row in column.iterrows()} for column in by_column]
    best = [_best(rows, column.better) for rows, column in zip(found, columns, strict=True)]
    rows = tuple(
        Row(
            row_label(line.model, line.source),
            tuple(_cell(rows.get((line.model, line.source)), top) for rows, top in zip(found, best, strict=True)),
            control=line.source != "model",
        )
        for line in lines.itertuples()
    )
    return Board(features, trained, view, columns, rows, tuple(_floor_cell(column) for column in by_column))


def _best(rows: Mapping[tuple[str, str], pd.Series], better: str) -> float | None:
    values = [row["value"] for row in rows.values() if row["source"] == "model" and not pd.isna(row["value"])]
    return (min(values) if better == "lower" else max(values)) if len(values) > 1 else None


def _cell(row: pd.Series | None, best: float | None) -> Cell:
    if row is None or pd.isna(row["value"]):
        return Cell("n/a")
    lower = row["better"] == "lower"
    at_floor = row["value"] <= row["floor_high"] if lower else row["value"] >= row["floor_low"]
    ratio = _times(row["value"] / row["floor"]) if lower and row["floor"] > 0 else ""
    is_best = row["source"] == "model" and best is not None and row["value"] == best and (lower or best > 0)
    return Cell(number(row["value"], metric=row["metric"]), ratio, best=is_best, at_floor=bool(at_floor))


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} × floor" if ratio >= 10 else f"{ratio:.1f} × floor"  # noqa: RUF001


def _floor_cell(column: pd.DataFrame) -> Cell:
    row = column.iloc[0]
    if pd.isna(row["floor"]):
        return Cell("n/a")
    low, high = (number(row[name], metric=row["metric"]) for name in ("floor_low", "floor_high"))
    return Cell(number(row["floor"], metric=row["metric"]), f"{low} to {high}")
