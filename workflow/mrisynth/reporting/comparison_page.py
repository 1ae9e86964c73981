"""The comparison page: every score of every model with its interval, and every two models paired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mrisynth.metrics.pairs import UNDECIDED
from mrisynth.reporting.board import Board, boards, in_order_of_models
from mrisynth.reporting.catalogue import GROUPS, MAIN, in_order, meanings, metric_title, number, span, words
from mrisynth.reporting.intervals_figure import Axis, axes_of
from mrisynth.reporting.results import Results
from mrisynth.reporting.score_section import alarm_boxes, spaces_table, warning_sentences
from mrisynth.reporting.templates import write_html

_TEMPLATE = "comparison.html.jinja"

_PAIR_COLUMNS = ["one", "other", "difference", "95 % interval", "ahead"]
_VERDICT_COLUMNS = ["features", "view", "control", "score", "value", "real against real", "must be beyond", "noticed"]
_NOTICED = {True: "yes", False: "NO"}


@dataclass(frozen=True)
class Shown:
    """A board with the axes of its columns; ``folded`` below the one before, ``doubt`` where it cannot be trusted."""

    board: Board
    axes: Sequence[Axis]
    folded: bool
    doubt: bool


@dataclass(frozen=True)
class Section:
    """The scores of one group."""

    name: str
    question: str
    boards: Sequence[Shown]
    meanings: Mapping[str, str]


def write_comparison_page(
    path: str | Path, results: Results, *, title: str, models: Sequence[str], export_words: str
) -> None:
    """Write the page: which model is best where, all scores by group, paired differences, controls, feature spaces.

    The page is one file that loads nothing. Tables are sorted by a click on a column; without a script they stand in
    the order of the configuration.

    Args:
        path: the HTML file.
        results: the tables of the study.
        title: of the study.
        models: their order.
        export_words: whether the page may leave those who signed an agreement.
    """
    scores = in_order_of_models(results.scores, models)
    found = boards(scores, pairs=results.pairs)
    write_html(
        path,
        _TEMPLATE,
        study=title,
        facts=_facts(scores),
        boxes=alarm_boxes(results),
        untrained=results.untrained,
        warnings=warning_sentences(scores),
        glance=_glance(found, results),
        sections=[*_sections(scores, results)],
        pairs=[*_pairs(results.pairs)],
        verdicts=_verdicts(results.verdicts),
        spaces=spaces_table(scores),
        export_words=export_words,
    )


def _facts(scores: pd.DataFrame) -> dict[str, object]:
    models = scores[scores["source"] == "model"]
    tested = boards(models[models["reference"] == "test"], metrics=MAIN)
    return {
        "models": models["model"].nunique(),
        "scores": models["metric"].nunique(),
        "test scans in each set": ", ".join(dict.fromkeys(board.n for board in tested)) or "none",
        "seed": ", ".join(map(str, dict.fromkeys(scores["seed"]))),
    }


def _glance(found: Sequence[Board], results: Results) -> pd.DataFrame:
    """Return the best model of every tested value, one row a value and one column a feature space and view."""
    cells: dict[str, dict[str, str]] = {}
    for board in found:
        for column in board.columns:
            if column.standing:
                doubt = " (NOT TRUSTED)" if results.verdict(board.features, board.view) else ""
                cells.setdefault(column.title, {})[f"{board.features}, {board.view}{doubt}"] = column.standing
    spaces = list(dict.fromkeys(space for row in cells.values() for space in row))
    return pd.DataFrame(
        [{"score": title} | {space: row.get(space, "") for space in spaces} for title, row in cells.items()]
    )


def _sections(scores: pd.DataFrame, results: Results) -> Iterator[Section]:
    for group, question in GROUPS.items():
        names = [name for name in in_order(scores["metric"]) if words(name).group == group]
        if not names:
            continue
        found = boards(scores, pairs=results.pairs, spread=results.spread, metrics=names)
        seen: set[tuple[str, str]] = set()
        shown = []
        for board in found:
            space = (board.features, board.view)
            shown.append(Shown(board, axes_of(board), folded=space in seen, doubt=bool(results.verdict(*space))))
            seen.add(space)
        yield Section(group, question, shown, meanings(names))


def _pairs(pairs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield a title and a table for people, one for each feature space, view and value."""
    for (features, view), space in pairs.groupby(["features", "view"], sort=False):
        for metric in in_order(space["metric"]):
            part = space[space["metric"] == metric]
            better = part["better"].iloc[0]
            rows = [
                [
                    row.one,
                    row.other,
                    number(row.difference, metric=metric),
                    span(row.low, row.high, metric=metric) or "n/a",
                    row.ahead,
                ]
                for row in part.itertuples()
            ]
            decided = sum(row.ahead != UNDECIDED for row in part.itertuples())
            counts = ", ".join(map(str, sorted({int(n) for n in part["n"]})))
            title = f"{metric_title(metric, better)} in {features} at {view} (N = {counts})"
            title += f": {decided} of {len(rows)} decided"
            yield title, pd.DataFrame(rows, columns=_PAIR_COLUMNS)


def _verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in verdicts.itertuples():
        numbers = [number(value, metric=row.metric) for value in (row.value, row.floor, row.bound)]
        noticed = "not known" if pd.isna(row.noticed) else _NOTICED[bool(row.noticed)]
        rows.append([row.features, row.view, row.control, words(row.metric).title, *numbers, noticed])
    return pd.DataFrame(rows, columns=_VERDICT_COLUMNS)
