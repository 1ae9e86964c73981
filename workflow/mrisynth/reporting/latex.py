"""Tables of scores for a paper, in LaTeX with booktabs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from mrisynth.metrics.pairs import UNDECIDED
from mrisynth.reporting.board import REFERENCES, Board, Cell, Column
from mrisynth.reporting.catalogue import words
from mrisynth.reporting.slice_words import view_words

COLUMNS_A_TABLE = 5
"""Columns that fit the width of a page; wider boards become several tables."""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': "''",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
}
_POWER = re.compile(r"(-?[\d.]+)e(-?\d+)")


def escaped(text: str) -> str:
    """Return a text in which LaTeX finds no commands."""
    return "".join(_SPECIAL.get(letter, letter) for letter in " ".join(text.split()))


def latex_tables(
    boards: Sequence[Board], *, group: str, checksums: Mapping[str, str], verdict: Callable[[str, str], str], seed: int
) -> str:
    """Return the tables of one group of scores as LaTeX that needs the package booktabs.

    Each value stands above its 95 % interval. Bold is the model that is ahead of every other one by paired intervals,
    and none where the table's caption says that this is undecided.

    Args:
        boards: of :func:`mrisynth.reporting.board.boards`.
        group: name of the group.
        checksums: feature space -> checksum of its network.
        verdict: (feature space, view) -> a sentence where it cannot be trusted, else nothing.
        seed: of the study.
    """
    parts = ["% needs \\usepackage{booktabs}; written by mrisynth"]
    for board in boards:
        for place, part in enumerate(_narrow(board)):
            label = re.sub(
                r"[^a-z0-9]+", "-", f"{group} {board.features} {board.view} {board.reference} {place}".lower()
            )
            caption = _caption(part, group=group, checksum=checksums[board.features], seed=seed)
            caption = " ".join(filter(None, (caption, verdict(board.features, board.view))))
            parts.append(_table(part, label=label, caption=escaped(caption)))
    return "\n\n".join(parts) + "\n"


def _narrow(board: Board) -> Iterator[Board]:
    for first in range(0, len(board.columns), COLUMNS_A_TABLE):
        kept = slice(first, first + COLUMNS_A_TABLE)
        rows = tuple(replace(row, cells=row.cells[kept]) for row in board.rows)
        rows = tuple(row for row in rows if any(cell.text for cell in row.cells))
        yield replace(board, columns=board.columns[kept], rows=rows, floor=board.floor[kept])


def _table(board: Board, *, label: str, caption: str) -> str:
    models = [line for row in board.rows if not row.control for line in _lines(row.label, row.cells)]
    others = [line for row in board.rows if row.control for line in _lines(row.label, row.cells)]
    heads = [escaped(column.title) for column in board.columns]
    return "\n".join(
        [
            r"\begin{table}[tb]",
            r"\centering\small",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{l{'r' * len(heads)}}}",
            r"\toprule",
            f"Model & {' & '.join(heads)} \\\\",
            r"\midrule",
            *models,
            r"\midrule",
            *_lines("real against real (floor)", board.floor),
            *([r"\midrule", *others] if others else []),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _lines(label: str, cells: Sequence[Cell]) -> list[str]:
    values = [_bold(_number(cell.text)) if cell.best else _number(cell.text) for cell in cells]
    lines = [f"{escaped(label)} & {' & '.join(values)} \\\\"]
    if any(cell.interval for cell in cells):
        ranges = [rf"{{\scriptsize {_number(cell.interval)}}}" if cell.interval else "" for cell in cells]
        lines.append(f" & {' & '.join(ranges)} \\\\[2pt]")
    return lines


def _number(text: str) -> str:
    """Return a number or a range with true minus signs and powers of ten."""
    parts = []
    for part in escaped(text).split(" to "):
        power = _POWER.fullmatch(part)
        if power:
            parts.append(rf"${power[1]} \times 10^{{{power[2]}}}$")
        else:
            parts.append(f"${part}$" if part.startswith("-") else part)
    return " to ".join(parts)


def _bold(number: str) -> str:
    """Return a number in bold; mathematics keep their weight under ``textbf`` alone."""
    return rf"\textbf{{\boldmath {number}}}" if "$" in number else rf"\textbf{{{number}}}"


def _caption(board: Board, *, group: str, checksum: str, seed: int) -> str:
    kind = (
        ""
        if board.trained
        else " These features come from an UNTRAINED random network and compare only within this study."
    )
    reference = REFERENCES.get(board.reference, board.reference)
    sentences = [
        f"{group}: values with 95 % intervals against real {reference}, N = {board.n}, {view_words(board.view)}."
        f" Measured in {board.features} (network {_short(checksum)}).{kind}",
        f"Floor: mean and 5th to 95th percentile of real scans against real scans. {_standing(board.columns)}",
        f"Seed {seed}.",
    ]
    return " ".join(sentences)


def _standing(columns: Sequence[Column]) -> str:
    """Return what bold means in this table, and where nothing is bold."""
    open_ = [words(column.metric).title for column in columns if column.standing == UNDECIDED]
    untested = [words(column.metric).title for column in columns if not column.standing]
    sentences = []
    if any(column.standing not in ("", UNDECIDED) for column in columns):
        sentences.append("Bold: ahead of every other model by paired intervals.")
    if open_:
        sentences.append(f"Undecided which model is best: {', '.join(open_)}.")
    if untested:
        sentences.append(f"Not tested in pairs: {', '.join(untested)}.")
    return " ".join(sentences)


def _short(checksum: str) -> str:
    return f"sha256 {checksum[:12]}" if re.fullmatch(r"[0-9a-f]{64}", checksum) else checksum
