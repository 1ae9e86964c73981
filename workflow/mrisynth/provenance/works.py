"""Works: papers and pages to cite, read from a BibTeX file of plain entries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mrisynth.errors import MrisynthError

_ENTRY = re.compile(r"@(\w+)\{([\w-]+),\n((?:  \w+ = \{.*\},\n)+)\}\n")
_FIELD = re.compile(r"  (\w+) = \{(.*)\},")
_HOLDERS = ("journal", "booktitle", "publisher")


@dataclass(frozen=True, kw_only=True)
class Work:
    """One entry of a BibTeX file.

    Attributes:
        key: its name.
        kind: ``article``, ``inproceedings``, ``book`` or ``misc``.
        fields: as written, with braces and escapes.
        source: the entry as it stands in the file.
    """

    key: str
    kind: str
    fields: dict[str, str]
    source: str

    def get(self, name: str) -> str:
        """Return a field as plain text, empty where the entry has none."""
        return re.sub(r"[{}]", "", self.fields.get(name, "")).replace(r"\&", "&").replace("--", "-")

    @property
    def address(self) -> str:
        """Where the work is found: its DOI, arXiv page or page as a web address; empty where it has none."""
        if self.get("doi"):
            return f"https://doi.org/{self.get('doi')}"
        return f"https://arxiv.org/abs/{self.get('eprint')}" if self.get("eprint") else self.get("url")

    @property
    def text(self) -> str:
        """The work in one line: authors and year, where it appeared, and its identifiers."""
        volume, number, pages = (self.get(name) for name in ("volume", "number", "pages"))
        place = f"{volume}({number})" if number else volume
        place = f"{place}:{pages}" if place and pages else place or pages
        holder = next((self.get(name) for name in _HOLDERS if self.get(name)), "")
        title = self.get("title") if self.kind in ("misc", "book") else ""
        joint = ", " if self.kind == "inproceedings" else " "
        signs = {"doi": "doi:", "eprint": "arXiv:"}
        identifiers = [f"{sign}{self.get(name)}" for name, sign in signs.items() if self.get(name)]
        parts = [f"{self._authors} {self.get('year')}".strip(), title, joint.join(filter(None, (holder, place)))]
        parts += identifiers or ([f"<{self.get('url')}>"] if self.get("url") else [])
        return ", ".join(filter(None, parts))

    @property
    def _authors(self) -> str:
        if self.fields.get("author", "").startswith("{"):
            return self.get("author")
        names = [name.split(",")[0] for name in self.get("author").split(" and ")]
        if len(names) > 2 or names[-1] == "others":
            return f"{names[0]} et al."
        return " and ".join(names)


def read_works(path: str | Path) -> dict[str, Work]:
    """Read a BibTeX file whose entries have one ``  name = {value},`` a line, by key.

    Raises:
        MrisynthError: part of the file is no such entry, or a key stands there twice.
    """
    text = Path(path).read_text(encoding="utf-8")
    works: dict[str, Work] = {}
    for match in _ENTRY.finditer(text):
        kind, key, lines = match.groups()
        if key in works:
            raise MrisynthError(f"{path}: {key} stands there twice.")
        works[key] = Work(key=key, kind=kind, fields=dict(_FIELD.findall(lines)), source=match.group())
    if rest := _ENTRY.sub("", text).strip():
        raise MrisynthError(f"{path}: not an entry with one field a line: {rest.splitlines()[0]!r}.")
    return works
