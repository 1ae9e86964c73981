"""The score board: the long table of scores arranged for people, once for pages, paper and terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from mrisynth.metrics.pairs import UNDECIDED, best_models
from mrisynth.reporting.catalogue import in_order, metric_title, number, span

SOURCE_ORDER = {"model": 0, "untrained": 1, "control": 2}
REFERENCES = {"test": "test scans", "train": "training scans", "all": "scans of all splits"}
NUMBERS = ("value", "low", "high", "floor", "floor_low", "floor_high")

_SPACE = ["features", "features_trained", "view", "reference"]
_NOTHING = float("nan")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value.

    Attributes:
        text, interval: the value and its 95 % interval as words; the floor's range in the row of the floor.
        value, low, high, floor, floor_low, floor_high: as numbers.
        best: whether paired intervals show this model ahead of every other.
        at_floor: whether real scans score no better among themselves.
        seeds: mean and standard deviation over replicates, as words.
    """

    text: str
    interval: str = ""
    value: float = _NOTHING
    low: float = _NOTHING
    high: float = _NOTHING
    floor: float = _NOTHING
    floor_low: float = _NOTHING
    floor_high: float = _NOTHING
    best: bool = False
    at_floor: bool = False
    seeds: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a board; what is no model is drawn apart from the models."""

    label: str
    model: str
    cells: tuple[Cell, ...]
    control: bool


@dataclass(frozen=True)
class Column:
    """One value: its direction, the N of its scores, and the best model, ``undecided``, or nothing (not tested)."""

    metric: str
    title: str
    better: str
    counts: tuple[int, ...]
    standing: str

    @property
    def n(self) -> str:
        """N in words, ``29`` or ``29 to 87``."""
        return _range_of(self.counts)


@dataclass(frozen=True)
class Board:
    """Scores of one feature space and view against one reference.

    Attributes:
        floor: one cell per column: real scans against real scans, with its range; words where it differs by model.
    """

    features: str
    trained: bool
    view: str
    reference: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    floor: tuple[Cell, ...]

    @property
    def n(self) -> str:
        """N of all columns in words."""
        return _range_of(count for column in self.columns for count in column.counts)


def boards(
    scores: pd.DataFrame,
    *,
    pairs: pd.DataFrame | None = None,
    spread: pd.DataFrame | None = None,
    metrics: Sequence[str] | None = None,
    low_resolution: bool = True,
) -> list[Board]:
    """Return one board per feature space, view and reference, with those against test scans first in each space.

    Args:
        scores: of :func:`mrisynth.metrics.summary.collect`.
        pairs: of :func:`mrisynth.metrics.pairs.compare_models`; without it, no model is marked as best.
        spread: of :func:`mrisynth.metrics.replicates.seed_spread`.
        metrics: the values to show; None for all.
        low_resolution: also show low-resolution outputs.
    """
    kept = scores if metrics is None else scores[scores["metric"].isin(list(metrics))]
    if not low_resolution:
        kept = kept[~kept["view"].astype(str).str.endswith(" low")]
    kept = kept.assign(view=kept["view"].astype(str))
    spaces = dict.fromkeys(zip(kept["features"], kept["view"], strict=True))
    places = {space: place for place, space in enumerate(spaces)}
    found = [
        _board(part, key, pairs=pairs, spread=spread) for key, part in kept.groupby(_SPACE, sort=False) if len(part)
    ]
    return sorted(found, key=lambda board: (places[board.features, board.view], board.reference != "test"))


def in_order_of_models(scores: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Return scores with the rows of models in the order of these names; others follow as they stand."""
    places = {name: place for place, name in enumerate(models)}
    order = scores["model"].map(lambda name: places.get(name, len(places)))
    return (
        scores.assign(_place=order).sort_values("_place", kind="stable").drop(columns="_place").reset_index(drop=True)
    )


def row_label(model: str, source: str) -> str:
    """Return the words for a row: the model, its untrained generator, or a control."""
    return {"untrained": f"{model}, untrained", "control": _control_label(model)}.get(source, model)


def _control_label(model: str) -> str:
    name, _, kind = model.partition(".")
    return f"{name}, by {kind}" if kind else name.replace("_", " ")


def within_floor(row: pd.Series) -> bool:
    """Return whether real scans score no better among themselves (where no side is better: whether they score so)."""
    low_enough, high_enough = row["value"] <= row["floor_high"], row["value"] >= row["floor_low"]
    return bool({"lower": low_enough, "higher": high_enough}.get(row["better"], low_enough and high_enough))


def standing(board: pd.DataFrame, metric: str, pairs: pd.DataFrame | None) -> str:
    """Return the model that is ahead of every other one by paired intervals, ``undecided``, or nothing.

    Args:
        board: the scores of one feature space and view against one reference.
        metric: the value.
        pairs: of :func:`mrisynth.metrics.pairs.compare_models`. Models that it does not hold, as those with other
            numbers of scans, leave the question undecided; without any pair it was not asked.
    """
    if pairs is None or board.empty or board["reference"].iloc[0] != "test":
        return ""
    first = board.iloc[0]
    same = (pairs["features"] == first["features"]) & (pairs["view"].astype(str) == str(first["view"]))
    tested = pairs[same & (pairs["metric"] == metric)]
    if tested.empty:
        return ""
    scored = board[(board["metric"] == metric) & (board["source"] == "model") & board["value"].notna()]
    best = best_models(tested)["best"]
    all_are_tested = set(scored["model"]) == set(tested["one"]) | set(tested["other"])
    return str(best.iloc[0]) if len(best) == 1 and all_are_tested else UNDECIDED


def _board(
    part: pd.DataFrame, key: Sequence[object], *, pairs: pd.DataFrame | None, spread: pd.DataFrame | None
) -> Board:
    features, trained, view, reference = key
    columns, by_column = [], []
    for metric in in_order(part["metric"]):
        found = part[part["metric"] == metric]
        better = str(found["better"].iloc[0])
        counts = tuple(sorted({int(n) for n in found["n"]}))
        columns.append(Column(metric, metric_title(metric, better), better, counts, standing(part, metric, pairs)))
        by_column.append(found)
    lines = part.drop_duplicates(["model", "source"])
    lines = lines.sort_values("source", key=lambda column: column.map(SOURCE_ORDER), kind="stable")
    rows = [{(row["model"], row["source"]): row for _, row in column.iterrows()} for column in by_column]
    shown = tuple(
        Row(
            row_label(line.model, line.source),
            line.model,
            tuple(
                _cell(found.get((line.model, line.source)), best=column.standing, spread=spread)
                for found, column in zip(rows, columns, strict=True)
            ),
            control=line.source != "model",
        )
        for line in lines.itertuples()
    )
    floors = tuple(_floor_cell(column) for column in by_column)
    return Board(str(features), bool(trained), str(view), str(reference), tuple(columns), shown, floors)


def _range_of(counts: Iterable[int]) -> str:
    """Return the least and the largest of some counts as words; 0 stands for a score that was not computed."""
    found = sorted(set(counts) - {0}) or [0]
    return f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _cell(row: pd.Series | None, *, best: str, spread: pd.DataFrame | None) -> Cell:
    if row is None or pd.isna(row["value"]):
        return Cell(text="" if row is None else "n/a")
    return Cell(
        text=number(row["value"], metric=row["metric"]),
        interval=span(row["low"], row["high"], metric=row["metric"]),
        **{name: float(row[name]) for name in NUMBERS},
        best=row["source"] == "model" and row["model"] == best,
        at_floor=within_floor(row),
        seeds=_seeds(row, spread) if row["source"] == "model" else "",
    )


def _seeds(row: pd.Series, spread: pd.DataFrame | None) -> str:
    if spread is None or spread.empty:
        return ""
    same = (spread["view"].astype(str) == str(row["view"])) & (spread["model"] == row["model"])
    for name in ("metric", "features", "reference"):
        same &= spread[name] == row[name]
    if not same.any():
        return ""
    found = spread[same].iloc[0]
    mean, deviation = (number(found[name], metric=row["metric"]) for name in ("mean", "standard_deviation"))
    return f"{found['n']} seeds: {mean} ± {deviation}"


def _floor_cell(column: pd.DataFrame) -> Cell:
    known = column[column["floor"].notna()]
    if known.empty:
        return Cell(text="n/a")
    models = known[known["source"] == "model"]
    known = models if len(models) else known
    row = known.iloc[0]
    if known["floor"].nunique() > 1:
        return Cell(text="by model")
    return Cell(
        text=number(row["floor"], metric=row["metric"]),
        interval=span(row["floor_low"], row["floor_high"], metric=row["metric"]),
        value=float(row["floor"]),
        floor_low=float(row["floor_low"]),
        floor_high=float(row["floor_high"]),
    )
