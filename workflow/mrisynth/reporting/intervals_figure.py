"""A value with its interval and its floor as a small drawing inside a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import asinh, isfinite, log10
from typing import Literal

from markupsafe import Markup

from mrisynth.reporting.board import Board, Cell
from mrisynth.reporting.catalogue import number, words

_WIDTH, _HEIGHT, _MARGIN = 112, 16, 6
_ROOM = 0.06  # of the axis, left free at either end


@dataclass(frozen=True)
class Axis:
    """The axis that all cells of a column share; what lies beyond its ends is drawn as an arrow there.

    Attributes:
        low, high: its ends.
        scale: ``linear``, ``log``, or ``asinh``.
        width: of the linear part of an ``asinh`` axis, to either side of 0.
    """

    low: float
    high: float
    scale: Literal["linear", "log", "asinh"] = "linear"
    width: float = 1.0

    def place(self, value: float) -> float:
        """Return where a value stands, 0 at the low end and 1 at the high one, not cut."""
        low, high, found = (self._scaled(number) for number in (self.low, self.high, value))
        return (found - low) / (high - low)

    def _scaled(self, value: float) -> float:
        if self.scale == "log":
            return log10(max(value, self.low / 1e6))
        return asinh(value / self.width) if self.scale == "asinh" else value


def column_axis(metric: str, numbers: Iterable[float], *, floors: Iterable[float] = ()) -> Axis:
    """Return the axis of a value: its own ends where it has some, else around these numbers.

    Args:
        metric: the value.
        numbers: values and ends of intervals of the models; missing ones are passed over.
        floors: ends of the ranges of the floors.
    """
    about = words(metric)
    if about.ends is not None:
        return Axis(*about.ends)
    around = [value for value in floors if isfinite(value)]
    found = [value for value in (*numbers, *around) if isfinite(value)]
    above = [value for value in found if value > 0]
    if about.scale == "log" and above:
        return Axis(min(above) / 1.3, max(above) * 1.3, "log")
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    room = _ROOM * (high - low) or _ROOM * abs(high) or 1.0
    if about.scale == "asinh":
        width = max((abs(value) for value in around or found), default=0.0) or 1.0
        return Axis(min(low - width / 4, 0.0), max(high * 1.3, width), "asinh", width)
    return Axis(max(low - room, 0.0) if low >= 0 else low - room, high + room)


def axes_of(board: Board) -> list[Axis]:
    """Return an axis for each column of a board, around its models and floors; controls may lie beyond its ends."""
    return [
        column_axis(
            column.metric,
            [value for cell in cells for value in (cell.value, cell.low, cell.high)],
            floors=[value for cell in cells for value in (cell.floor_low, cell.floor_high)],
        )
        for column, cells in (
            (column, [row.cells[place] for row in board.rows if not row.control])
            for place, column in enumerate(board.columns)
        )
    ]


def interval_svg(cell: Cell, axis: Axis) -> Markup:
    """Return the drawing of one cell: a band for the floor, a bar for the interval, a dot for the value.

    It is hidden from screen readers, which find the same numbers as words beside it.
    """
    parts = []
    if isfinite(cell.floor_low) and isfinite(cell.floor_high):
        parts.append(_band(axis, cell.floor_low, cell.floor_high))
    if isfinite(cell.low) and isfinite(cell.high):
        left, right = _at(axis, cell.low), _at(axis, cell.high)
        parts.append(f'<path class="bar" d="M{left:.1f} 8H{right:.1f}"/>')
    if isfinite(cell.value):
        parts.append(_dot(axis, cell.value))
    if not parts:
        return Markup("")
    return Markup(  # noqa: S704 - numbers alone
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def axis_words(axis: Axis, metric: str) -> Sequence[str]:
    """Return the ends of an axis as words."""
    return [number(end, metric=metric) for end in (axis.low, axis.high)]


def _at(axis: Axis, value: float) -> float:
    return _MARGIN + (_WIDTH - 2 * _MARGIN) * min(1.0, max(0.0, axis.place(value)))


def _band(axis: Axis, low: float, high: float) -> str:
    left, right = _at(axis, low), _at(axis, high)
    return f'<rect class="band" x="{left:.1f}" y="1" width="{max(right - left, 1.0):.1f}" height="14"/>'


def _dot(axis: Axis, value: float) -> str:
    place = axis.place(value)
    if 0 <= place <= 1:
        return f'<circle class="dot-mark" cx="{_at(axis, value):.1f}" cy="8" r="3.4"/>'
    tip, back = (_WIDTH, _WIDTH - 6) if place > 1 else (0, 6)
    return f'<path class="beyond" d="M{tip} 8L{back} 4V12Z"/>'
