"""The report as one self-contained HTML page that opens anywhere, without a network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import pandas as pd

from mrisynth import __version__
from mrisynth.files import atomic
from mrisynth.reporting.board import boards

_TEMPLATE = "page.html.jinja"


@dataclass(frozen=True)
class Figure:
    """A picture of the page; the caption says what it shows and how it was made, ``section`` where it stands."""

    title: str
    caption: str
    path: Path
    section: str = "Figures"


@dataclass(frozen=True)
class Table:
    """A table of the page, with a caption and its section; ``frame`` is shown as it is."""

    title: str
    caption: str
    frame: pd.DataFrame = field(repr=False)
    section: str = "Figures"


def write_page(
    path: str | Path,
    *,
    study: str,
    facts: Mapping[str, object],
    scores: pd.DataFrame,
    figures: Sequence[Figure | Table],
    exclusions: pd.DataFrame,
    quality: Mapping[str, int],
    warnings: Sequence[str],
    tables: Sequence[Table] = (),
    alarms: Sequence[str] = (),
) -> None:
    """Write the page: scores first, then the sections of figures and tables in their order, the scans last.

    Figures are embedded as PNG, every text is escaped, and the page loads nothing.

    Args:
        path: the HTML file.
        study: title of the study.
        facts: label -> value, the strip of numbers under the title.
        scores: of :func:`mrisynth.metrics.summary.collect`.
        figures: pictures with captions, and tables that stand among them.
        exclusions: one row per excluded scan: scan, reason, message.
        quality: ``scans``, ``passed`` and ``excluded`` counts; the first is the sum of the others.
        warnings: sentences that a reader must see before the scores.
        tables: further tables.
        alarms: sentences about what went wrong, above all else.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"png": _png, "cell": _cell, "anchor": _anchor}
    found = boards(scores)
    html = environment.get_template(_TEMPLATE).render(
        study=study,
        facts=facts,
        boards=found,
        untrained=[board.features for board in found if not board.trained],
        sections=_sections([*figures, *tables]),
        exclusions=exclusions.to_dict("records"),
        quality=quality,
        warnings=list(warnings),
        alarms=list(alarms),
        version=__version__,
    )
    with atomic(path) as unfinished:
        unfinished.write_text(html, encoding="utf-8")


def _sections(items: Sequence[Figure | Table]) -> dict[str, list[Figure | Table]]:
    sections: dict[str, list[Figure | Table]] = {}
    for item in items:
        sections.setdefault(item.section, []).append(item)
    return sections


def _png(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode("ascii")


def _cell(value: object) -> str:
    if value is None or pd.isna(value):
        return "n/a"
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.3g}"
    return str(value)


def _anchor(title: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in title.lower())
