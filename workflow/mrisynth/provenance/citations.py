"""Citations: what a study used of others' data, software and methods, with licences and works to cite."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING
from mrisynth.provenance.works import Work

ALWAYS = "always"


@dataclass(frozen=True, kw_only=True)
class Use:
    """Something of others that studies may use: a row of ``resources/citations.tsv``.

    Attributes:
        section: heading of its table in CITATIONS.md.
        key: its name.
        kind: ``data``, ``weights``, ``software`` or ``method``.
        what: what people call it.
        used_for: which part of a study uses it.
        used_when: alternatives of terms that must hold together: ``always``, ``rule:NAME`` (it ran), ``package:NAME``
            (a job imported it) and those of :func:`configured`; none where a study cannot tell.
        licence: as its owners state it.
        cite: keys of works.
        downloads: names of the rows of ``resources/datasets.tsv`` that are it.
    """

    section: str
    key: str
    kind: str
    what: str
    used_for: str
    used_when: tuple[tuple[str, ...], ...]
    licence: str
    cite: tuple[str, ...]
    downloads: tuple[str, ...]

    @property
    def packages(self) -> list[str]:
        """Names of the packages by which it is recognised."""
        terms = (term for together in self.used_when for term in together)
        return [term.removeprefix("package:") for term in terms if term.startswith("package:")]


def read_uses(path: str | Path) -> list[Use]:
    """Read ``resources/citations.tsv``, in the order of its rows.

    Raises:
        MrisynthError: a column is missing.
    """
    with Path(path).open(encoding="utf-8", newline="") as stream:
        rows = [
            {name: "" if value == MISSING else value for name, value in row.items()}
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    try:
        return [_use(row) for row in rows]
    except (KeyError, AttributeError) as error:
        raise MrisynthError(f"{path} has a row without {error}.") from error


def _use(row: Mapping[str, str]) -> Use:
    return Use(
        **{name: row[name] for name in ("section", "key", "kind", "what", "used_for", "licence")},
        used_when=tuple(tuple(together.split("&")) for together in row["used_when"].split()),
        cite=tuple(row["cite"].split()),
        downloads=tuple(row["downloads"].split()),
    )


def configured(uses: Iterable[Use], config: Mapping[str, Any]) -> list[str]:
    """Return the ``config:`` terms of all rows that hold for a configuration, sorted.

    A term is ``config:PATH=VALUE|VALUE``, ``!=`` or ``>``; the path has dots, and ``*`` for any name. A list holds when
    one of its members does; nothing is written as an empty value.
    """
    terms = {term for use in uses for together in use.used_when for term in together if term.startswith("config:")}
    return sorted(term for term in terms if _stands(term.removeprefix("config:"), config))


def used(
    uses: Iterable[Use], *, terms: Collection[str], rules: Collection[str], packages: Collection[str]
) -> list[Use]:
    """Return what a study used.

    Args:
        uses: all rows.
        terms: the ``config:`` terms that hold.
        rules: names of the rules that ran.
        packages: names of the packages that jobs imported.
    """
    true = {ALWAYS, *terms, *(f"rule:{name}" for name in rules), *(f"package:{name}" for name in packages)}
    return [use for use in uses if any(true.issuperset(together) for together in use.used_when)]


def works_of(uses: Iterable[Use], works: Mapping[str, Work]) -> list[Work]:
    """Return the works to cite for what was used, each once, in the order of their keys.

    Raises:
        MrisynthError: a row cites a key that no work has.
    """
    keys = sorted({key for use in uses for key in use.cite})
    if unknown := sorted(set(keys) - set(works)):
        raise MrisynthError(f"resources/references.bib has no entry {unknown[0]}, which resources/citations.tsv cites.")
    return [works[key] for key in keys]


def citation_rows(uses: Sequence[Use], works: Mapping[str, Work], packages: Mapping[str, str]) -> list[dict[str, str]]:
    """Return one row for each thing used: kind, what, version, used_for, licence, cite (in words) and keys."""
    return [
        {
            "kind": use.kind,
            "what": use.what,
            "version": ", ".join(packages[name] for name in use.packages if name in packages) or MISSING,
            "used_for": use.used_for.replace("`", "") or MISSING,
            "licence": use.licence or MISSING,
            "cite": "; ".join(works[key].text for key in use.cite) or MISSING,
            "keys": " ".join(use.cite) or MISSING,
        }
        for use in uses
    ]


def _stands(term: str, config: Mapping[str, Any]) -> bool:
    for sign in ("!=", ">", "="):
        path, found, wanted = term.partition(sign)
        if found:
            values = [_spelled(value) for value in _values(config, path.split("."))]
            match sign:
                case "!=":
                    return any(value not in wanted.split("|") for value in values)
                case ">":
                    return any(float(value) > float(wanted) for value in values)
                case _:
                    return any(value in wanted.split("|") for value in values)
    raise MrisynthError(f"resources/citations.tsv: {term} compares nothing; expected =, != or >.")


def _values(node: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        yield from node or [""] if isinstance(node, list) else [node]
    elif isinstance(node, Mapping):
        for name in node if path[0] == "*" else [path[0]]:
            if name in node:
                yield from _values(node[name], path[1:])


def _spelled(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
