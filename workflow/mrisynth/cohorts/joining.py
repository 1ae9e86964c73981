"""Joining: what the members of a study know becomes one knowledge, with gaps where a member does not know something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mrisynth.cohorts.knowledge import Knowledge, read_knowledge
from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.merge_log import Entry
from mrisynth.cohorts.merging import Merged
from mrisynth.cohorts.several import SEVERAL, errors_of, in_member, joined_name, member_seed, sources_of
from mrisynth.cohorts.sources import IXI_TABLE
from mrisynth.cohorts.tables import check_some_match

_SOURCE = "source"


@dataclass(frozen=True, kw_only=True)
class StudyKnowledge:
    """What is known of a study of one cohort or of several.

    Attributes:
        knowledge: of all cohorts together, in the study's names; of several, ``selection`` has a last column
            ``source``.
        source: kind of the only cohort; or participant to member, of everybody with a scan.
        stratify: columns of the participants table within which the shares of the splits hold; of several cohorts
            ``source`` comes first, unless nothing is stratified by.
    """

    knowledge: Knowledge
    source: str | dict[str, str]
    stratify: list[str]


def read_study_knowledge(cohort: Mapping[str, Any], *, scan_files: Sequence[ScanFile], seed: int) -> StudyKnowledge:
    """Read what the cohort of a study knows, or each of its members by its own rules.

    Args:
        cohort: the block ``cohort`` of the configuration, defaults filled in.
        scan_files: the scans of the study, in its names.
        seed: the study's seed.

    Raises:
        MrisynthError: as the readers of the kinds; of several cohorts it names the keys of the member.
    """
    found = {}
    for member, own in sources_of(cohort).items():
        files = [in_member(scan) for scan in scan_files if scan.member == member]
        with errors_of(member):
            found[member] = read_knowledge(
                own, own.get("demographics") or IXI_TABLE, scan_files=files, seed=member_seed(seed, member)
            )
            if own["name"] == "bids":
                check_some_match([scan.participant_id for scan in files], found[member].people)
    stratify = list(cohort["stratify"])
    if cohort["name"] != SEVERAL:
        return StudyKnowledge(knowledge=found[""], source=cohort["name"], stratify=stratify)
    within = [_SOURCE, *(column for column in stratify if column != _SOURCE)] if stratify else []
    source = {scan.participant_id: scan.member for scan in scan_files}
    return StudyKnowledge(knowledge=join(found), source=source, stratify=within)


def join(found: Mapping[str, Knowledge]) -> Knowledge:
    """Return what several members know as one, every name with its member's in front.

    A column that a member does not have is missing in its rows. The thirds of the ages that a member's rules cut stay
    behind: those of the study are cut over the persons of all members.

    Args:
        found: member to what it knows, in its own names.
    """
    people = [_named(known.people, member, "participant_id") for member, known in found.items()]
    scans = [_named(known.scans, member, "scan") for member, known in found.items() if known.scans is not None]
    selection = [
        _named(known.selection, member, "participant_id", "scan").assign(**{_SOURCE: member})
        for member, known in found.items()
    ]
    log = [_entry(entry, member) for member, known in found.items() for entry in known.merged.log]
    table = _stacked(people).drop(columns=["agreed_tercile"], errors="ignore")
    return Knowledge(
        merged=Merged(table=table, log=log),
        scans=_stacked(scans) if scans else None,
        selection=_stacked(selection),
    )


def _named(table: pd.DataFrame, member: str, *columns: str) -> pd.DataFrame:
    names = {
        column: [joined_name(member, "" if pd.isna(name) else name) or None for name in table[column]]
        for column in columns
    }
    return table.assign(
        **{column: pd.Series(values, index=table.index, dtype="str") for column, values in names.items()}
    )


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables with the columns of all; a table without rows gives its columns alone."""
    columns = list(dict.fromkeys(name for table in tables for name in table))
    filled = [table.dropna(axis="columns", how="all") for table in tables if len(table)]
    stacked = pd.concat(filled, ignore_index=True) if filled else tables[0]
    return stacked.reindex(columns=columns)


def _entry(entry: Entry, member: str) -> Entry:
    person = joined_name(member, entry.participant_id)
    return replace(entry, participant_id=person, in_words=f"{member}: {entry.in_words}")
