"""Matching within splits: cases and controls of each split are paired with one another, never across splits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.cohorts.group_balance import Groups, split_balance
from mrisynth.cohorts.matching import PAIR_COLUMNS, Matching, match_participants
from mrisynth.cohorts.splits import SPLITS
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table

KEY = "slices.matching"
LEFT_OUT_COLUMNS = ("participant_id", "split", "group", "reason", "message")


@dataclass(frozen=True, kw_only=True)
class SplitMatching:
    """Who was matched with whom in each split.

    Attributes:
        parts: split -> its matching, in the order train, validation, test; a split of nobody has none.
        unseen: participants without a scan that is used: ``participant_id``, ``split``, ``group``, ``reason``,
            ``message``.
        variables: columns that are compared between cases and controls.
    """

    parts: Mapping[str, Matching]
    unseen: pd.DataFrame
    variables: Sequence[str]

    @property
    def pairs(self) -> pd.DataFrame:
        """One row a case and its control: ``split`` and the columns of a matching; ``pair`` counts over all splits."""
        tables, before = [], 0
        for split, part in self.parts.items():
            tables.append(part.pairs.assign(split=split, pair=part.pairs["pair"] + before))
            before += part.pairs["case"].nunique()
        return pd.concat(tables, ignore_index=True)[["split", *PAIR_COLUMNS]]

    @property
    def left_out(self) -> pd.DataFrame:
        """Everybody else, by ID: ``participant_id``, ``split``, ``group``, ``reason``, ``message``."""
        tables = [self.unseen, *(part.left_out.assign(split=split) for split, part in self.parts.items())]
        table = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
        return table[list(LEFT_OUT_COLUMNS)].sort_values("participant_id", ignore_index=True)

    @property
    def whole(self) -> Matching:
        """The matchings of all splits as one."""
        parts = list(self.parts.values())
        eligible, matched = ([getattr(part, name) for part in parts] for name in ("eligible", "matched"))
        return Matching(pairs=self.pairs, left_out=self.left_out, eligible=_pooled(eligible), matched=_pooled(matched))

    @property
    def words(self) -> str:
        """How many were matched, in all and by split, as a line."""
        counts = ", ".join(f"{split} {part.pairs['case'].nunique()}" for split, part in self.parts.items())
        pairs = self.pairs
        return f"{pairs['case'].nunique()} cases matched with {len(pairs)} controls (cases: {counts})"

    def balance(self) -> pd.DataFrame:
        """Return :meth:`mrisynth.cohorts.matching.Matching.balance` of all splits together (``all``) and of each."""
        parts = {"all": self.whole, **self.parts}
        tables = [part.balance(self.variables).assign(split=split) for split, part in parts.items()]
        table = pd.concat(tables, ignore_index=True)
        return table[["split", *[name for name in table.columns if name != "split"]]]

    def balance_of_splits(self, group: str) -> pd.DataFrame:
        """Return :func:`mrisynth.cohorts.group_balance.split_balance` of the matched, with the shares of the groups."""
        matched = self.whole.matched
        return split_balance(pd.concat([matched.one, matched.other], ignore_index=True), [*self.variables, group])


def match_within_splits(
    participants: pd.DataFrame,
    *,
    group: str,
    case: str,
    control: str,
    caliper_years: float,
    controls_per_case: int = 1,
    within: Sequence[str] = ("sex",),
    scanned: Collection[str] | None = None,
) -> SplitMatching:
    """Match controls to cases in each split by :func:`mrisynth.cohorts.matching.match_participants`.

    Each split depends on its own participants alone.

    Args:
        participants: one row a participant: ``participant_id``, ``split``, ``age`` (years), ``group`` and the columns
            ``within``.
        group: column that says who is a case.
        case: its value for cases.
        control: its value for controls.
        caliper_years: largest difference of ages.
        controls_per_case: most controls of a case.
        within: columns in which a pair must agree.
        scanned: participants with a scan that is used, others are left out (``no_scan``); None for all.

    Raises:
        MrisynthError: a column is missing, nobody is a case or nobody a control, or a split that has participants
            gives no pair.
    """
    for column in ("split", group, "age", *within):
        if column not in participants:
            raise MrisynthError(
                f"{KEY} needs the column {column}, which the participants table does not have; it has "
                f"{', '.join(map(str, participants.columns))}."
            )
    is_seen = participants["participant_id"].astype(str).isin(set(map(str, scanned or ())))
    people = participants if scanned is None else participants[is_seen]
    _check_classes(people, group, case=case, control=control)
    options = {"group": group, "case": case, "control": control, "within": within}
    parts = {}
    for split in SPLITS:
        mine = people[people["split"] == split]
        if len(mine):
            _check_split(mine, split, **options)
            numbers = {"caliper_years": caliper_years, "controls_per_case": controls_per_case}
            parts[split] = match_participants(mine, **options, **numbers)
            if parts[split].pairs.empty:
                raise MrisynthError(_no_pair(parts[split].eligible, split, caliper_years, within))
    unseen = participants.drop(index=people.index)
    return SplitMatching(
        parts=parts, unseen=_unseen(unseen, group), variables=list(dict.fromkeys(("age", "sex", *within)))
    )


def read_matched(pairs: str | Path) -> set[str]:
    """Return the IDs of all cases and controls of a table of pairs."""
    table = read_table(pairs, case="string", control="string")
    return {*table["case"], *table["control"]}


def _pooled(groups: Sequence[Groups]) -> Groups:
    weights = [np.ones(len(part.other)) if part.weights is None else part.weights for part in groups]
    return Groups(
        one=pd.concat([part.one for part in groups], ignore_index=True),
        other=pd.concat([part.other for part in groups], ignore_index=True),
        weights=np.concatenate(weights),
    )


def _check_classes(people: pd.DataFrame, group: str, *, case: str, control: str) -> None:
    found = sorted(people[group].dropna().astype(str).unique())
    for key, word in (("case", case), ("control", control)):
        if word not in found:
            raise MrisynthError(
                f"{KEY}.{key} is {word}, but none of the {len(people)} participants with a scan that passed has that "
                f"{group}; found are {', '.join(found) or 'none at all'}."
            )


def _check_split(
    people: pd.DataFrame, split: str, *, group: str, case: str, control: str, within: Sequence[str]
) -> None:
    known = people.dropna(subset=["age", *within])[group].astype(str)
    cases, controls = ((known == word).sum() for word in (case, control))
    if not cases or not controls:
        raise MrisynthError(
            f"{KEY}: the {split} split has {cases} participants of {group} {case} and {controls} of {control}, each "
            f"with a scan that passed and {' and '.join(('age', *within))}; expected some of each: stratify the splits "
            f"by {group} (cohort.stratify), or make the split larger."
        )


def _no_pair(eligible: Groups, split: str, caliper_years: float, within: Sequence[str]) -> str:
    alike = f" and are alike in {' and '.join(within)}" if within else ""
    return (
        f"{KEY}: in the {split} split no two of {len(eligible.one)} cases and {len(eligible.other)} controls lie "
        f"within {caliper_years:g} years{alike}; raise {KEY}.caliper_years, or make the split larger."
    )


def _unseen(people: pd.DataFrame, group: str) -> pd.DataFrame:
    rows = [
        (str(row["participant_id"]), row["split"], None if pd.isna(row[group]) else str(row[group]), "no_scan",
         "none of the scans passed.")
        for row in people.to_dict("records")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(LEFT_OUT_COLUMNS))
