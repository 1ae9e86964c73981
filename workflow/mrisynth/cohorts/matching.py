"""Matching: for every case controls of nearly the same age and the same sex, as many and as near as can be."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from mrisynth.cohorts.group_balance import Groups, compare_groups
from mrisynth.errors import MrisynthError

PAIR_COLUMNS = ("pair", "case", "control", "stratum", "case_age", "control_age", "difference_years")
_LOG = logging.getLogger(__name__)
_SEPARATOR = " | "


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Who was matched with whom.

    Attributes:
        pairs: one row a case and its control: ``pair`` (number of the case, from 1), ``case`` and ``control``
            (participant IDs), ``stratum``, ``case_age``, ``control_age``, ``difference_years`` (control minus case).
        left_out: everybody else: ``participant_id``, ``group``, ``reason``, ``message``.
        eligible: Groups that could be matched: cases, controls.
        matched: Groups that were; each control weighs one over the number of controls of its case.
    """

    pairs: pd.DataFrame
    left_out: pd.DataFrame
    eligible: Groups
    matched: Groups

    @property
    def participants(self) -> list[str]:
        """IDs of all matched cases and controls, sorted."""
        return sorted({*self.pairs["case"], *self.pairs["control"]})

    def balance(self, variables: Sequence[str] = ("age", "sex")) -> pd.DataFrame:
        """Return :func:`mrisynth.cohorts.group_balance.compare_groups` before and after, ``when`` in front.

        Cases are ``one``, controls ``other``; all differences are divided by the spread before.
        """
        before = compare_groups(self.eligible, variables)
        tables = [before.assign(when="before")]
        if len(self.pairs):
            after = compare_groups(self.matched, variables, spread_of=self.eligible)
            tables.append(after.assign(when="after"))
        table = pd.concat(tables, ignore_index=True)
        return table[["when", *before.columns]]


def match_participants(
    participants: pd.DataFrame,
    *,
    group: str,
    case: str,
    control: str,
    caliper_years: float,
    controls_per_case: int = 1,
    within: Sequence[str] = ("sex",),
) -> Matching:
    """Match controls to cases on age, within equal values of other columns, optimally and by participant.

    Of all ways to match within the caliper it takes those in which most cases have a control, of these those in which
    most have a second one, and so on, and of these one with the least sum of age differences (linear assignment).
    Nobody is matched twice. The order of the rows does not matter.

    Args:
        participants: one row a participant: ``participant_id``, ``age`` (years), ``group`` and the columns ``within``.
        group: column that says who is a case, such as ``diagnosis``.
        case: its value for cases.
        control: its value for controls.
        caliper_years: largest difference of ages.
        controls_per_case: most controls of a case.
        within: columns in which a pair must agree; none for age alone.

    Returns:
        The matching; everybody is in ``pairs`` or in ``left_out``, there with one of the reasons ``no_group``,
        ``other_group``, ``no_age``, ``no_`` and a column of ``within``, ``no_partner`` (a case without a free control
        within the caliper) or ``not_needed`` (a control that no case took).

    Raises:
        MrisynthError: a column is missing, a participant has two rows, a number makes no sense, or there are no cases
            or no controls.
    """
    _check(participants, [group, "age", *within], caliper_years=caliper_years, per_case=controls_per_case)
    people = participants.assign(participant_id=participants["participant_id"].astype(str)).sort_values(
        "participant_id", ignore_index=True
    )
    reasons = [_why_not(row, group, (case, control), within) for row in people.to_dict("records")]
    usable = people[[reason is None for reason in reasons]]
    cases, controls = (usable[usable[group].astype(str) == word] for word in (case, control))
    if cases.empty or controls.empty:
        raise MrisynthError(
            f"{len(cases)} participants with an age{_and(within)} have {group} {case} and {len(controls)} {control}; "
            "expected some of each to match."
        )
    pairs = _pairs(cases, controls, caliper_years=caliper_years, per_case=controls_per_case, within=within)
    matched = _matched(cases, controls, pairs)
    left_out = _left_out(people, reasons, group, pairs, case=case, caliper_years=caliper_years)
    _LOG.info(
        "%d of %d cases are matched with %d of %d controls; %d participants are left out: %s",
        len(matched.one), len(cases), len(matched.other), len(controls), len(left_out),
        left_out["reason"].value_counts().to_dict(),
    )  # fmt: skip
    return Matching(pairs=pairs, left_out=left_out, eligible=Groups(one=cases, other=controls), matched=matched)


def _check(participants: pd.DataFrame, columns: Sequence[str], *, caliper_years: float, per_case: int) -> None:
    for column in ("participant_id", *columns):
        if column not in participants:
            raise MrisynthError(
                f"The participants have no column {column}; they have {', '.join(map(str, participants.columns))}."
            )
    ids = participants["participant_id"].astype(str)
    if len(repeated := ids[ids.duplicated()]):
        raise MrisynthError(f"Participant {repeated.iloc[0]} has two rows; matching takes one row a person.")
    if not (np.isfinite(caliper_years) and caliper_years >= 0) or per_case < 1:
        raise MrisynthError(
            f"The caliper is {caliper_years} years with {per_case} controls a case; expected 0 or more and 1 or more."
        )


def _why_not(row: dict[str, Any], group: str, words: tuple[str, str], within: Sequence[str]) -> tuple[str, str] | None:
    """Return reason and message for one who cannot be matched; None for the others."""
    if pd.isna(row[group]):
        return "no_group", f"{group} is missing."
    if str(row[group]) not in words:
        return "other_group", f"{group} is {row[group]}, neither {words[0]} nor {words[1]}."
    for column in ("age", *within):
        if pd.isna(row[column]):
            return f"no_{column}", f"{column} is missing."
    return None


def _pairs(
    cases: pd.DataFrame, controls: pd.DataFrame, *, caliper_years: float, per_case: int, within: Sequence[str]
) -> pd.DataFrame:
    found = []
    case_strata, control_strata = _strata(cases, within), _strata(controls, within)
    for stratum in sorted(set(case_strata) & set(control_strata)):
        mine, others = cases[case_strata == stratum], controls[control_strata == stratum]
        ages = mine["age"].to_numpy(dtype=np.float64), others["age"].to_numpy(dtype=np.float64)
        for one, other in assign(*ages, caliper=caliper_years, per_case=per_case):
            ids = mine["participant_id"].iloc[one], others["participant_id"].iloc[other]
            found.append((*ids, stratum, ages[0][one], ages[1][other], round(ages[1][other] - ages[0][one], 9)))
    table = pd.DataFrame(sorted(found), columns=list(PAIR_COLUMNS[1:]))
    table.insert(0, "pair", pd.factorize(table["case"])[0] + 1)
    return table


def assign(cases: np.ndarray, controls: np.ndarray, *, caliper: float, per_case: int) -> list[tuple[int, int]]:
    """Return the optimal pairs (position of the case, position of the control) within a caliper.

    Every case has ``per_case`` slots. A filled first slot is worth more than a filled second one, each step more than
    all differences together; the sets of slots that can be filled together are a matroid, so the assignment of most
    worth fills as many first slots as possible, then second ones, and so on (Edmonds 1971).

    Args:
        cases, controls: float64 [n], [m], ages.
        caliper: largest absolute difference.
        per_case: slots of a case.
    """
    slots = np.repeat(np.arange(len(cases)), per_case)
    differences = np.abs(cases[slots, None] - controls[None, :])
    step = caliper * (min(len(slots), len(controls)) + 1) + 1.0
    worth = step * (2 * per_case - np.tile(np.arange(per_case), len(cases)))
    allowed = differences <= caliper
    rows, columns = linear_sum_assignment(np.where(allowed, differences - worth[:, None], 0.0))
    kept = allowed[rows, columns]
    return sorted((int(slots[row]), int(column)) for row, column in zip(rows[kept], columns[kept], strict=True))


def _strata(people: pd.DataFrame, within: Sequence[str]) -> np.ndarray:
    if not within:
        return np.full(len(people), "all", dtype=object)
    words = [people[column].astype("object").map(str) for column in within]
    return np.array([_SEPARATOR.join(row) for row in zip(*words, strict=True)], dtype=object)


def _matched(cases: pd.DataFrame, controls: pd.DataFrame, pairs: pd.DataFrame) -> Groups:
    weight = 1 / pairs.groupby("case")["control"].transform("size")
    weights = dict(zip(pairs["control"], weight, strict=True))
    one = cases[cases["participant_id"].isin(pairs["case"])]
    other = controls[controls["participant_id"].isin(pairs["control"])]
    return Groups(one=one, other=other, weights=other["participant_id"].map(weights).to_numpy(dtype=np.float64))


def _left_out(
    people: pd.DataFrame,
    reasons: Sequence[tuple[str, str] | None],
    group: str,
    pairs: pd.DataFrame,
    *,
    case: str,
    caliper_years: float,
) -> pd.DataFrame:
    matched = {*pairs["case"], *pairs["control"]}
    free = {
        True: ("no_partner", f"no control of the same stratum is left within {caliper_years:g} years."),
        False: ("not_needed", "no case took this control."),
    }
    rows = [
        (person, None if pd.isna(word) else str(word), *(reason or free[str(word) == case]))
        for person, word, reason in zip(people["participant_id"], people[group], reasons, strict=True)
        if person not in matched
    ]
    return pd.DataFrame(rows, columns=["participant_id", "group", "reason", "message"])


def _and(within: Sequence[str]) -> str:
    return "".join(f" and a {column}" for column in within)
