"""The score table as text, for the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mrisynth.metrics.pairs import UNDECIDED
from mrisynth.reporting.board import REFERENCES, Board, boards
from mrisynth.reporting.catalogue import MAIN, words

_GAP = " "


def score_text(scores: pd.DataFrame, *, pairs: pd.DataFrame | None = None, untrusted: Sequence[str] = ()) -> str:
    """Return the main scores against test scans as aligned text: models, controls and the floor.

    Args:
        scores: of :func:`mrisynth.metrics.summary.collect`.
        pairs: of :func:`mrisynth.metrics.pairs.compare_models`; a star marks the best model only where these show it.
        untrusted: sentences on feature spaces that cannot be trusted, printed first.
    """
    if scores.empty:
        return "No scores: the study has no model that was scored."
    shown = boards(scores[scores["reference"] == "test"], pairs=pairs, metrics=MAIN, low_resolution=False)
    alarms = ["\n".join(f"!! {sentence}" for sentence in untrusted)] if untrusted else []
    tables = [_text(board) for board in shown] or [
        "No score of the main table was computed; metrics.tsv has the others."
    ]
    return "\n\n".join([*alarms, *tables])


def _text(board: Board) -> str:
    body = [[row.label, *(cell.text + (" *" if cell.best else "  ") for cell in row.cells)] for row in board.rows]
    models = [line for line, row in zip(body, board.rows, strict=True) if not row.control]
    controls = [line for line, row in zip(body, board.rows, strict=True) if row.control]
    floor = ["real against real (floor)", *(f"{cell.text}  " for cell in board.floor)]
    titles = ["", *(f"{column.title.replace('clipped', 'clip.')}  " for column in board.columns)]
    widths = [max(map(len, column)) for column in zip(titles, *body, floor, strict=True)]
    lines = [_aligned(line, widths) for line in (titles, *models, *controls, floor)]
    rule = "-" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    last = 1 + len(models)
    kind = "" if board.trained else "; UNTRAINED random features: compare only within this study"
    shown = [
        f"Scores in {board.features} features at size {board.view}{kind}",
        f"against {board.n} {REFERENCES.get(board.reference, board.reference)}, and as many samples",
        lines[0],
        rule,
    ]
    shown += [*lines[1:last], rule, *lines[last:-1], *([rule] if controls else []), lines[-1], rule]
    return "\n".join(
        [*shown, "↓ lower is better, ↑ higher is better; the floor is what real scans reach", *_best(board)]
    )


def _best(board: Board) -> list[str]:
    """Return the lines that say where a best model was found and where not; none where nothing was compared."""
    names = {column.metric: words(column.metric).title for column in board.columns if column.standing}
    open_ = [names[column.metric] for column in board.columns if column.standing == UNDECIDED]
    lines = ["* ahead of every other model by paired 95 % intervals"] if len(open_) < len(names) else []
    return [*lines, f"undecided which model is best: {', '.join(open_)}"] if open_ else lines


def _aligned(line: list[str], widths: list[int]) -> str:
    cells = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
    return _GAP.join([line[0].ljust(widths[0]), *cells]).rstrip()
