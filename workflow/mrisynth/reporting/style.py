"""One look for all figures: colours that colour-blind people tell apart, and a plain statement of what was measured."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mrisynth.files import atomic

INK = "#1c2733"
MUTED = "#66727f"
LINE = "#d9dfe5"
PAPER = "#ffffff"
NIGHT = "#000000"
FLOOR = "#dfe9e4"
FLOOR_LINE = "#4d8a70"
REAL = "#3b4754"
CONTROL = "#9aa5b1"
ALARM = "#b3261e"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31")
"""After Okabe and Ito, in an order of falling contrast; two further hues at the end."""

DOTS_PER_INCH = 160

_METADATA = {
    "png": {"Software": "mrisynth"},
    "svg": {"Creator": "mrisynth", "Date": None},
    "pdf": {"Creator": "mrisynth", "CreationDate": None},
}
"""What a file says of its making: the same bytes for the same figure."""

_SETTINGS = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": True,
    "legend.framealpha": 0.75,
    "legend.edgecolor": "none",
    "legend.fontsize": 8,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "text.parse_math": False,  # names of sites and classes are shown as they are, dollars included
    "svg.hashsalt": "mrisynth",
    "pdf.fonttype": 42,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with the house style inside the block; nothing global is left changed."""
    with mpl.rc_context(_SETTINGS):
        yield


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """Return an empty figure that belongs to no window and no global state."""
    figure = Figure(figsize=(width_inches, height_inches), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: str | Path) -> None:
    """Write a PNG, SVG or PDF by the ending of the path, whole or not at all, without dates or names inside."""
    form = Path(path).suffix.removeprefix(".")
    with atomic(path) as unfinished, _quiet("fontTools"):
        figure.savefig(
            unfinished, format=form, dpi=DOTS_PER_INCH, bbox_inches="tight", pad_inches=0.08,
            metadata=_METADATA[form],
        )  # fmt: skip


@contextmanager
def _quiet(package: str) -> Iterator[None]:
    """Keep what a package tells of every step, such as each letter put into a PDF, out of the job's log."""
    logger = logging.getLogger(package)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """Return one colour per name, the same for the same list; beyond the palette colours repeat."""
    return {name: PALETTE[position % len(PALETTE)] for position, name in enumerate(names)}


def features_label(features: str, *, trained: bool) -> str:
    """Return the name of the features, loud where they were never trained."""
    return f"{features} features" if trained else f"UNTRAINED {features} features"


def wrapped(name: str, *, width: int) -> str:
    """Return a name broken into lines of about ``width`` letters, after underscores and at spaces."""
    lines = [""]
    for part in name.replace("_", "_\0").replace(" ", " \0").split("\0"):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def empty_panel(axes: Axes, words: str) -> None:
    """Say in an empty panel why there is nothing to show."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center", color=MUTED, transform=axes.transAxes, wrap=True)
