"""The report as one self-contained HTML page that opens anywhere, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mrisynth.reporting.board import boards
from mrisynth.reporting.catalogue import MAIN, meanings
from mrisynth.reporting.templates import write_html

_TEMPLATE = "page.html.jinja"


@dataclass(frozen=True)
class Figure:
    """A picture of the page; the caption says what it shows and how it was made, ``section`` where it stands.

    ``kept`` pictures are not embedded: the page shows them where they lie, and a copy of the page has none of them.
    """

    title: str
    caption: str
    path: Path
    section: str = "Figures"
    kept: bool = False


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
    export_words: str = "",
    tables: Sequence[Table] = (),
    alarms: Sequence[str] = (),
    pairs: pd.DataFrame | None = None,
    boxes: Mapping[str, Sequence[str]] | None = None,
    links: Mapping[str, str] | None = None,
    inputs: str = "scans",
) -> None:
    """Write the page: the main scores first, then the sections of figures and tables in their order, the scans last.

    Figures are embedded as PNG but those that are kept in the study, every text is escaped, and the page loads nothing
    else.

    Args:
        path: the HTML file.
        study: title of the study.
        facts: label -> value, the strip of numbers under the title.
        scores: of :func:`mrisynth.metrics.summary.collect`.
        figures: pictures with captions, and tables that stand among them.
        exclusions: one row per reason: reason, scans. No name of a scan stands on the page.
        quality: ``scans``, ``passed`` and ``excluded`` counts; the first is the sum of the others.
        warnings: sentences that a reader must see before the scores.
        export_words: who may have the page, in its foot.
        tables: further tables.
        alarms: sentences about what went wrong in training, above all else.
        pairs: of :func:`mrisynth.metrics.pairs.compare_models`; a model is marked as best only where these show it.
        boxes: title -> sentences that a reader must see before the scores, in red.
        links: words -> file beside the page, named under the scores.
        inputs: what was put in, ``scans`` or ``images``.
    """
    found = boards(scores, pairs=pairs, metrics=MAIN, low_resolution=False)
    write_html(
        path,
        _TEMPLATE,
        study=study,
        facts=facts,
        boards=found,
        untrained=list(dict.fromkeys(board.features for board in found if not board.trained)),
        boxes=dict(boxes or {}),
        meanings=meanings(name for name in MAIN if name in set(scores["metric"])),
        links=dict(links or {}),
        sections=_sections([*figures, *tables]),
        exclusions=exclusions.to_dict("records"),
        quality=quality,
        inputs=inputs,
        warnings=list(warnings),
        alarms=list(alarms),
        export_words=export_words,
        kept=any(isinstance(item, Figure) and item.kept for item in figures),
    )


def _sections(items: Sequence[Figure | Table]) -> dict[str, list[Figure | Table]]:
    sections: dict[str, list[Figure | Table]] = {}
    for item in items:
        sections.setdefault(item.section, []).append(item)
    return sections
