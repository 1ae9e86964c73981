"""The tables of CITATIONS.md, written from ``resources/citations.tsv`` and ``resources/references.bib``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mrisynth.errors import MrisynthError
from mrisynth.provenance.citations import Use, read_uses
from mrisynth.provenance.works import Work, read_works

BEGIN = "<!-- written by `python -m mrisynth.provenance` from resources/citations.tsv and resources/references.bib -->"
END = "<!-- end of what is written -->"


def citations_page(page: str, *, uses: Iterable[Use], works: Mapping[str, Work]) -> str:
    """Return CITATIONS.md with new tables between its two marks.

    Raises:
        MrisynthError: the page lacks a mark.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise MrisynthError("CITATIONS.md has lost the marks between which its tables are written.")
    return f"{before}{BEGIN}\n\n{_tables(uses, works)}\n{END}{after}"


def rewrite(folder: Path) -> None:
    """Write the tables of ``CITATIONS.md`` in the root of the repository anew."""
    page = folder / "CITATIONS.md"
    uses = read_uses(folder / "resources" / "citations.tsv")
    works = read_works(folder / "resources" / "references.bib")
    page.write_text(citations_page(page.read_text(encoding="utf-8"), uses=uses, works=works), encoding="utf-8")


def _tables(uses: Iterable[Use], works: Mapping[str, Work]) -> str:
    sections: dict[str, list[Use]] = {}
    for use in uses:
        sections.setdefault(use.section, []).append(use)
    lines = []
    for section, members in sections.items():
        columns = {"what": [use.what for use in members]}
        columns["used for"] = [use.used_for for use in members]
        columns["licence"] = [use.licence for use in members]
        columns["cite"] = ["; ".join(works[key].text for key in use.cite) for use in members]
        shown = {name: values for name, values in columns.items() if any(values)}
        lines += [f"## {section}", "", _row(shown), _row(["---"] * len(shown)).replace(" ", "")]
        lines += [*map(_row, zip(*shown.values(), strict=True)), ""]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("  ", " ")
