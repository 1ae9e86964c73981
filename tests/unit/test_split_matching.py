"""Matching within splits: no pair crosses, no split depends on another, and everybody has a place in the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.cohorts.matching import match_participants
from mrisynth.cohorts.split_matching import match_within_splits, read_matched
from mrisynth.cohorts.splits import SPLITS
from mrisynth.errors import MrisynthError
from mrisynth.files import write_table
from mrisynth.reporting.matching_figure import matching_figure
from mrisynth.reporting.slice_section import slice_figures

OPTIONS = {"group": "diagnosis", "case": "AD", "control": "CN", "caliper_years": 3.0}


def _cohort(count: int = 240, seed: int = 0) -> pd.DataFrame:
    """Cases are older than controls, in splits of a half, a fifth and three tenths."""
    generator = np.random.default_rng(seed)
    ages = generator.uniform(50, 85, count)
    ill = generator.random(count) < 0.1 + 0.4 * (ages > 68)
    return pd.DataFrame(
        {
            "participant_id": [f"{number:03d}" for number in generator.permutation(count)],  # text, though of digits
            "age": ages,
            "sex": generator.choice(["m", "f"], count),
            "diagnosis": np.where(ill, "AD", np.where(generator.random(count) < 0.2, "MCI", "CN")),
            "split": generator.choice(SPLITS, count, p=[0.5, 0.2, 0.3]),
        }
    )


def test_pairs_stay_within_their_split_and_are_those_of_each_split_alone() -> None:
    cohort = _cohort()
    splits = cohort.set_index("participant_id")["split"]
    matching = match_within_splits(cohort, **OPTIONS)
    pairs = matching.pairs
    assert list(pairs["split"].unique()) == list(SPLITS)
    for side in ("case", "control"):
        assert splits[pairs[side]].tolist() == pairs["split"].tolist()
    assert pairs["pair"].tolist() == list(range(1, len(pairs) + 1))
    for split in SPLITS:
        alone = match_participants(cohort[cohort["split"] == split], **OPTIONS).pairs
        mine = pairs[pairs["split"] == split].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine[["case", "control"]], alone[["case", "control"]])


def test_a_change_in_one_split_moves_nobody_in_another() -> None:
    cohort = _cohort()
    fewer = cohort.drop(index=cohort.index[cohort["split"] == "train"][::3])
    before, after = (match_within_splits(table, **OPTIONS).pairs for table in (cohort, fewer))
    for split in ("validation", "test"):
        one, other = (pairs[pairs["split"] == split][["case", "control"]].to_numpy() for pairs in (before, after))
        np.testing.assert_array_equal(one, other)
    assert len(after[after["split"] == "train"]) < len(before[before["split"] == "train"])


def test_everybody_is_matched_or_left_out_once_with_split_and_reason() -> None:
    cohort = _cohort()
    unscanned = cohort["participant_id"].iloc[:20]
    scanned = set(cohort["participant_id"]) - set(unscanned)
    matching = match_within_splits(cohort, **OPTIONS, scanned=scanned)
    left_out = matching.left_out.set_index("participant_id")
    assert sorted([*matching.whole.participants, *left_out.index]) == sorted(cohort["participant_id"])
    assert left_out["split"].to_dict() == cohort.set_index("participant_id").loc[left_out.index, "split"].to_dict()
    assert (left_out.loc[unscanned, "reason"] == "no_scan").all()
    assert set(left_out["reason"]) == {"no_scan", "other_group", "no_partner", "not_needed"}
    assert set(left_out.loc[left_out["reason"] == "other_group", "group"]) == {"MCI"}
    everyone = match_within_splits(cohort, **OPTIONS)
    assert "no_scan" not in set(everyone.left_out["reason"])


def test_the_balance_has_every_split_before_and_after_and_all_of_them_together() -> None:
    matching = match_within_splits(_cohort(600), **OPTIONS)
    balance = matching.balance()
    assert list(balance["split"].unique()) == ["all", *SPLITS] and list(balance["when"].unique()) == ["before", "after"]
    ages = balance[balance["variable"] == "age"].set_index(["split", "when"])
    for split in ("all", "train"):
        assert ages.loc[(split, "before"), "smd"] > 0.5 and abs(ages.loc[(split, "after"), "smd"]) < 0.1
        assert ages.loc[(split, "after"), "welch_p"] > 0.3 > ages.loc[(split, "before"), "welch_p"]
    counts = ages.reset_index().pivot(index="when", columns="split", values="one")
    assert counts["all"].tolist() == counts[list(SPLITS)].sum(axis=1).tolist()
    after = balance[(balance["variable"] == "sex") & (balance["when"] == "after")]
    assert (after["smd"] == 0).all()


def test_several_controls_weigh_as_much_as_their_case_over_all_splits() -> None:
    cohort = pd.DataFrame(
        {
            "participant_id": list("abcdef"), "age": [60.0, 70.0, 59.0, 61.5, 70.5, 71.0], "sex": "f",
            "diagnosis": ["AD", "AD", "CN", "CN", "CN", "MCI"], "split": ["train", "test", "train", "train"] + ["test"] * 2,
        }
    )  # fmt: skip
    matching = match_within_splits(cohort, **OPTIONS, controls_per_case=2)
    assert matching.pairs[["split", "pair", "case", "control"]].to_numpy().tolist() == [
        ["train", 1, "a", "c"], ["train", 1, "a", "d"], ["test", 2, "b", "e"],
    ]  # fmt: skip
    age = matching.balance().set_index(["split", "when", "variable"]).loc[("all", "after", "age")]
    assert age["other_value"] == pytest.approx(((59 + 61.5) / 2 + 70.5) / 2)
    assert matching.words == "2 cases matched with 3 controls (cases: train 1, test 1)"


def test_the_matched_of_validation_and_test_are_compared_with_those_of_training() -> None:
    matching = match_within_splits(_cohort(), **OPTIONS)
    table = matching.balance_of_splits("diagnosis")
    assert list(table["split"].unique()) == ["validation", "test"]
    assert set(table["variable"]) == {"age", "sex", "diagnosis"}
    shares = table[(table["variable"] == "diagnosis") & (table["level"] == "AD")]
    assert (shares["one_value"] == 0.5).all() and (shares["other_value"] == 0.5).all()
    counts = matching.pairs["split"].value_counts()
    assert shares["one"].tolist() == [counts["validation"], counts["test"]]


def test_a_table_of_pairs_names_the_matched_as_text(tmp_path: Path) -> None:
    matching = match_within_splits(_cohort(), **OPTIONS)
    write_table(matching.pairs, tmp_path / "pairs.tsv")
    assert sorted(read_matched(tmp_path / "pairs.tsv")) == matching.whole.participants


def test_the_figure_shows_all_splits_together(tmp_path: Path) -> None:
    matching = match_within_splits(_cohort(), **OPTIONS)
    balance = matching.balance()
    matching_figure(
        matching.whole,
        balance[balance["split"] == "all"],
        tmp_path / "all.svg",
        names=("AD", "CN"),
        title=matching.words,
    )
    text = (tmp_path / "all.svg").read_text()
    for words in (f"AD ({len(matching.pairs)})", f"AD ({len(matching.whole.eligible.one)})", matching.words):
        assert f"<!-- {words} -->" in text


def test_the_report_shows_it_before_the_figures_of_models() -> None:
    pictures = [Path("separability/one.png"), Path("matching/balance.png")]
    figures = slice_figures(pictures)
    assert [figure.path for figure in figures] == pictures[::-1]
    assert figures[0].title == "Matched cases and controls"


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda c: c.drop(columns="diagnosis"), {}, r"slices\.matching needs the column diagnosis, which the particip"),
        (lambda c: c, {"within": ("sex", "town")}, r"slices\.matching needs the column town"),
        (lambda c: c, {"case": "FTD"}, r"matching\.case is FTD, but none of the 240 .* found are AD, CN, MCI"),
        (lambda c: c, {"control": "HC"}, r"slices\.matching\.control is HC, but none"),
        (lambda c: c, {"scanned": ()}, r"none of the 0 participants .* found are none at all"),
        (
            lambda c: c[(c["split"] != "test") | (c["diagnosis"] != "AD")],
            {},
            r"the test split has 0 participants of diagnosis AD and \d+ of CN, each with a scan that passed and age and sex",
        ),
        (
            lambda c: c.assign(age=c["age"].where(c["diagnosis"] != "AD", c["age"] + 60)),
            {},
            r"in the train split no two of \d+ cases and \d+ controls lie within 3 years and are alike in sex; raise",
        ),
    ],
)
def test_what_cannot_be_matched_is_told_in_one_sentence(change, options: dict, words: str) -> None:
    with pytest.raises(MrisynthError, match=words) as caught:
        match_within_splits(change(_cohort()), **(OPTIONS | options))
    assert "\n" not in str(caught.value)


def test_a_split_of_nobody_is_none() -> None:
    cohort = _cohort()
    matching = match_within_splits(cohort[cohort["split"] != "validation"], **OPTIONS)
    assert list(matching.parts) == ["train", "test"]
    assert set(matching.balance()["split"]) == {"all", "train", "test"}
