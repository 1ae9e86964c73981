"""The score table as text, for the end of a run."""

from __future__ import annotations

import pandas as pd

from mrisynth.reporting.board import Board, boards

_GAP = " "


def score_text(scores: pd.DataFrame) -> str:
    """Return the scores as aligned text: models, controls and the floor, the best of each column starred.

    Args:
        scores: of :func:`mrisynth.metrics.summary.collect`.
    """
    if scores.empty:
        return "No scores: the study has no model that was scored."
    return "\n\n".join(_text(board) for board in boards(scores))


def _text(board: Board) -> str:
    body = [[row.label, *(cell.text + (" *" if cell.best else "  ") for cell in row.cells)] for row in board.rows]
    models = [line for line, row in zip(body, board.rows, strict=True) if not row.control]
    controls = [line for line, row in zip(body, board.rows, strict=True) if row.control]
    floor = ["real against real (floor)", *(f"{cell.text}  " for cell in board.floor)]
    titles = ["", *(f"{column.title}  " for column in board.columns)]
    widths = [max(map(len, column)) for column in zip(titles, *body, floor, strict=True)]
    lines = [_aligned(line, widths) for line in (titles, *models, *controls, floor)]
    rule = "-" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    last = 1 + len(models)
    kind = "" if board.trained else "; UNTRAINED random features: compare only within this study"
    shown = [
        f"Scores in {board.features} features at size {board.view}{kind}",
        _references(board, widths),
        lines[0],
        rule,
    ]
    shown += [*lines[1:last], rule, *lines[last:-1], rule, lines[-1], rule]
    return "\n".join(
        [*shown, "↓ lower is better, ↑ higher is better, * best model; the floor is what real scans reach"]
    )


def _references(board: Board, widths: list[int]) -> str:
    """Return the line that names each reference once, at the right end of its columns."""
    groups: dict[str, int] = {}
    for column, width in zip(board.columns, widths[1:], strict=True):
        words = f"{column.n} {column.reference}"
        groups[words] = groups.get(words, -len(_GAP)) + width + len(_GAP)
    return _GAP.join([" " * widths[0], *(words.rjust(width - 2) + "  " for words, width in groups.items())]).rstrip()


def _aligned(line: list[str], widths: list[int]) -> str:
    cells = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
    return _GAP.join([line[0].ljust(widths[0]), *cells]).rstrip()
