"""Merging the rows of a person: by our rules, by the published ones, and what the log says about it."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from mrisynth.cohorts import merging
from mrisynth.cohorts.demographics_rules import PRESETS, DemographicsRules, rules_of
from mrisynth.cohorts.merging import Record, merge

COLUMNS = ("sex", "age", "height_cm", "site")
PUBLISHED = PRESETS["as_published"]


def record(person: str, sex=None, age=None, height_cm=None, site=None, *, row: int = 0, rejected=()) -> Record:
    values = {"sex": sex, "age": age, "height_cm": height_cm, "site": site}
    return Record(participant_id=person, values=values, row=row, rejected=list(rejected))


ROWS = [
    record("alone", "f", 30.0, 160.0, "HH", row=2),
    record("twin", "m", 40.0, 180.0, "HH", row=3),
    record("twin", "m", 40.0, row=4),
    record("same", "m", 50.0, 170.0, "HH", row=5),
    record("same", "m", 50.0, 170.0, "HH", row=6),
    record("near", "f", 60.0, 170.0, "HH", row=7),
    record("near", "f", 61.0, 170.0, "HH", row=8),
    record("far", "f", 20.0, row=9),
    record("far", "f", 70.0, row=10),
    record("sexes", "f", 35.0, row=11),
    record("sexes", "m", 35.0, row=12),
    record("half", "f", 36.0, row=13),
    record("half", None, 36.0, row=14),
    record("ageless", "f", row=15),
    record("ageless", "f", row=16),
    record("sexless", None, 37.0, row=17),
    record("sexless", None, 37.0, row=18),
    record("zero", None, 38.0, row=19),
]


def told(merged: merging.Merged, what: str) -> dict[tuple[str, str | None], str | None]:
    return {(entry.participant_id, entry.column): entry.values for entry in merged.log if entry.what == what}


def of(merged: merging.Merged, person: str) -> list[object]:
    row = merged.table.set_index("participant_id").loc[person]
    return [None if pd.isna(row[column]) else row[column] for column in COLUMNS]


def test_merging_does_not_depend_on_the_order_of_rows() -> None:
    rows = [
        Record(participant_id="a", values={"sex": "m", "age": None}),
        Record(participant_id="a", values={"sex": None, "age": 30.0}),
        Record(participant_id="b", values={"sex": "f", "age": 20.0}),
    ]
    forward = merging.merge_records(rows, columns=("sex", "age"))
    pd.testing.assert_frame_equal(forward, merging.merge_records(rows[::-1], columns=("sex", "age")))
    assert forward.iloc[0][["sex", "age"]].tolist() == ["m", 30.0]


def test_the_default_keeps_what_rows_agree_on() -> None:
    merged = merge(ROWS, columns=COLUMNS)
    assert len(merged.table) == 10
    assert of(merged, "twin") == ["m", 40.0, 180.0, "HH"]
    assert of(merged, "near") == ["f", None, 170.0, "HH"]
    assert of(merged, "sexes") == [None, 35.0, None, None]
    assert of(merged, "half")[0] == "f"
    assert of(merged, "zero")[0] is None
    assert told(merged, "conflict") == {
        ("near", "age"): "60 | 61",
        ("far", "age"): "20 | 70",
        ("sexes", "sex"): "f | m",
    }
    assert told(merged, "dropped") == {}
    assert merged.age_bounds_years is None
    assert "agreed_tercile" not in merged.table


def test_as_published_drops_persons_whose_rows_disagree_on_sex_or_third() -> None:
    merged = merge(ROWS, columns=COLUMNS, rules=PUBLISHED)
    assert told(merged, "dropped") == {
        ("ageless", "age"): "n/a | n/a",  # a missing age equals nothing, not even another
        ("far", "age"): "20 | 70",
        ("half", "sex"): "f | n/a",
        ("sexes", "sex"): "f | m",
    }
    assert set(merged.table["participant_id"]) == {"alone", "twin", "same", "near", "sexless", "zero"}
    assert of(merged, "twin") == ["m", 40.0, None, None]  # only one of its rows says so
    assert of(merged, "near") == ["f", None, 170.0, "HH"]
    assert of(merged, "sexless")[0] == of(merged, "zero")[0] == "unknown"
    agreed = merged.table.set_index("participant_id")["agreed_tercile"]
    assert agreed.dropna().to_dict() == {"near": "high"}
    ages = [row.values["age"] for row in ROWS if row.values["age"] is not None]
    assert merged.age_bounds_years == pytest.approx(np.quantile(ages, [1 / 3, 2 / 3]))


def test_every_mix_of_rules_holds_on_every_kind_of_row() -> None:
    options = (("merge", "drop_disagreeing"), ("missing", "category"), ("persons", "rows"))
    for repeated, sex, bins in itertools.product(*options):
        rules = DemographicsRules(repeated_rows=repeated, missing_sex=sex, age_bins=bins)
        merged = merge(ROWS, columns=COLUMNS, rules=rules)
        assert (len(merged.table) == 10) == (repeated == "merge")
        assert ("unknown" in set(merged.table["sex"])) == (sex == "category")
        assert (merged.age_bounds_years is None) == (bins == "persons")
        assert {entry.participant_id for entry in merged.log if entry.what == "dropped"}.isdisjoint(
            merged.table["participant_id"]
        )
        again = merge(ROWS[::-1], columns=COLUMNS, rules=rules)
        pd.testing.assert_frame_equal(merged.table, again.table)


def test_a_contradicted_sex_is_no_category() -> None:
    rules = DemographicsRules(missing_sex="category")
    assert of(merge(ROWS, columns=COLUMNS, rules=rules), "sexes")[0] is None


def test_the_log_says_it_in_words_with_the_rows() -> None:
    merged = merge([*ROWS, record("old", "f", 999.0, 1850.0, row=20, rejected=["sex=3"])], columns=COLUMNS)
    words = {(entry.participant_id, entry.what, entry.column): entry.in_words for entry in merged.log}
    assert words["twin", "merged", None] == "Rows 3 and 4 of twin became one row."
    assert words["near", "conflict", "age"] == (
        "Rows 7 and 8 of near state 60 and 61 as age, which is missing from here on."
    )
    assert words["old", "rejected", "age"].startswith("old has age 999, which is not in")
    assert words["old", "rejected", "sex"] == "old has sex 3, which no rule accepts; it is missing from here on."
    assert ("alone", "merged", None) not in words
    published = {entry.participant_id: entry.in_words for entry in merge(ROWS, columns=COLUMNS, rules=PUBLISHED).log}
    assert published["half"].startswith("Rows 13 and 14 of half state f and nothing as sex; all that is known of half")
    assert published["ageless"].startswith("Rows 15 and 16 of ageless state nothing as age")


@pytest.mark.parametrize("rules", PRESETS.values(), ids=PRESETS)
def test_no_row_disappears_unsaid(rules: DemographicsRules) -> None:
    random = np.random.default_rng(5)
    for _ in range(40):
        rows = [
            record(
                f"p{random.integers(12)}",
                [None, "m", "f"][random.integers(3)],
                [None, 25.0, 45.0, 46.0, 70.0, 999.0][random.integers(6)],
                [None, 170.0, 171.0, 1700.0][random.integers(4)],
                row=row,
            )
            for row in range(1, 25)
        ]
        merged = merge(rows, columns=COLUMNS, rules=rules)
        persons = {row.participant_id for row in rows}
        dropped = {entry.participant_id for entry in merged.log if entry.what == "dropped"}
        assert persons == set(merged.table["participant_id"]) | dropped
        known = merged.table.set_index("participant_id")
        named = {(entry.participant_id, entry.column) for entry in merged.log}
        for row in rows:  # whatever was stated is there, or its loss is in the log
            for column in ("sex", "age", "height_cm"):
                stated, person = row.values[column], row.participant_id
                if stated is not None and person not in dropped:
                    assert known.loc[person, column] == stated or (person, column) in named


def test_a_preset_is_changed_key_by_key() -> None:
    assert rules_of({}) == DemographicsRules()
    assert rules_of({"preset": "as_published"}) == PUBLISHED
    assert rules_of({"preset": "as_published", "missing_sex": "missing"}) == DemographicsRules(
        repeated_rows="drop_disagreeing", missing_sex="missing", age_bins="rows"
    )
