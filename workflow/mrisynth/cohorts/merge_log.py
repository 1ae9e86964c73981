"""Merge log: every merge, every contradiction and everything left out on the way to one row a person, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

COLUMNS = ("participant_id", "what", "column", "values", "in_words")
WHAT = ("dropped", "conflict", "rejected", "merged", "no_row", "no_scan")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened to a person's demographics.

    Attributes:
        participant_id: the person.
        what: one of :data:`WHAT`.
        column: the column that it happened to; None where it is the whole row.
        values: what was found; several are separated by `` | ``.
        in_words: the same as one sentence.
    """

    participant_id: str
    what: str
    column: str | None = None
    values: str | None = None
    in_words: str


def log_table(entries: Iterable[Entry]) -> pd.DataFrame:
    """Return entries as a table of text: first what was lost, last what was only absent; then by person."""
    ordered = sorted(entries, key=lambda entry: (WHAT.index(entry.what), entry.participant_id))
    return pd.DataFrame([asdict(entry) for entry in ordered], columns=list(COLUMNS)).astype("str")


def entries_of_scans(people: Iterable[str], scanned: Iterable[str]) -> list[Entry]:
    """Return who has a scan but no row of demographics, and who has a row but no scan in the study."""
    people, scanned = set(people), set(scanned)
    return [
        Entry(
            participant_id=person,
            what="no_row",
            in_words=f"{person} has a scan but no row, so sex, age and the rest are missing.",
        )
        for person in sorted(scanned - people)
    ] + [
        Entry(participant_id=person, what="no_scan", in_words=f"{person} has a row but no scan in this study.")
        for person in sorted(people - scanned)
    ]


def rejection(person: str, text: str, *, why: str = "which no rule accepts") -> Entry:
    """Return the entry of a refused value, given as ``column=value``."""
    column, _, value = text.partition("=")
    return Entry(
        participant_id=person,
        what="rejected",
        column=column,
        values=value,
        in_words=f"{person} has {column} {value}, {why}; it is missing from here on.",
    )


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
