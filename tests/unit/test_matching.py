"""Matching cases and controls: optimal against all possibilities, within the caliper, and nobody forgotten."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.cohorts.matching import assign, match_participants
from mrisynth.errors import MrisynthError
from mrisynth.reporting.matching_figure import matching_figure

OPTIONS = {"group": "diagnosis", "case": "AD", "control": "CN", "caliper_years": 3.0}


def _best(cases: np.ndarray, controls: np.ndarray, *, caliper: float, per_case: int) -> tuple[tuple[int, ...], float]:
    """Try all ways to give each control to a case or to nobody: most first partners, most second ones, least sum."""
    best: tuple[tuple[int, ...], float] = ((-1,) * per_case, 0.0)
    for owners in product(range(-1, len(cases)), repeat=len(controls)):
        used = [abs(controls[place] - cases[owner]) for place, owner in enumerate(owners) if owner >= 0]
        counts = [owners.count(number) for number in range(len(cases))]
        if max([*used, 0]) > caliper or max(counts) > per_case:
            continue
        filled = tuple(sum(count > slot for count in counts) for slot in range(per_case))
        if filled > best[0] or (filled == best[0] and sum(used) < best[1] - 1e-9):
            best = (filled, float(sum(used)))
    return best


@pytest.mark.parametrize("per_case", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_no_other_assignment_is_better(seed: int, per_case: int) -> None:
    generator = np.random.default_rng(seed)
    cases, controls = generator.uniform(60, 70, 3), generator.uniform(60, 70, 6)
    caliper = float(generator.choice([0.7, 1.5, 4.0]))
    pairs = assign(cases, controls, caliper=caliper, per_case=per_case)
    differences = [abs(cases[one] - controls[other]) for one, other in pairs]
    counts = [sum(one == number for one, _ in pairs) for number in range(3)]
    filled = tuple(sum(count > slot for count in counts) for slot in range(per_case))
    assert len({other for _, other in pairs}) == len(pairs) and max([*differences, 0]) <= caliper
    expected = _best(cases, controls, caliper=caliper, per_case=per_case)
    assert (filled, pytest.approx(sum(differences))) == expected


def test_the_nearest_first_is_not_the_best() -> None:
    """A greedy matching gives case 60 its nearest control 61 and leaves case 62 with nobody."""
    assert assign(np.array([60.0, 62.0]), np.array([61.0, 58.0]), caliper=2.0, per_case=1) == [(0, 1), (1, 0)]


def _cohort(count: int = 120, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    ages = generator.uniform(45, 85, count)
    ill = generator.random(count) < 0.1 + 0.5 * (ages > 68)
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{number:03d}" for number in generator.permutation(count)],
            "age": ages,
            "sex": generator.choice(["m", "f"], count),
            "site": generator.choice(["a", "b"], count),
            "diagnosis": np.where(ill, "AD", "CN"),
        }
    )


def test_pairs_agree_in_sex_and_lie_within_the_caliper() -> None:
    cohort = _cohort()
    known = cohort.set_index("participant_id")
    pairs = match_participants(cohort, **OPTIONS).pairs
    assert len(pairs) > 15 and not {*pairs["case"]} & {*pairs["control"]}
    assert pairs["case"].is_unique and pairs["control"].is_unique
    for pair in pairs.to_dict("records"):
        case, control = known.loc[pair["case"]], known.loc[pair["control"]]
        assert (case["diagnosis"], control["diagnosis"]) == ("AD", "CN")
        assert case["sex"] == control["sex"] == pair["stratum"]
        assert pair["difference_years"] == pytest.approx(control["age"] - case["age"]) and (
            abs(pair["difference_years"]) <= 3
        )
    both = match_participants(cohort, **OPTIONS, within=("sex", "site")).pairs
    assert set(both["stratum"]) <= {"m | a", "m | b", "f | a", "f | b"}
    assert (known.loc[both["case"], "site"].to_numpy() == known.loc[both["control"], "site"].to_numpy()).all()
    assert set(match_participants(cohort, **OPTIONS, within=()).pairs["stratum"]) == {"all"}


def test_the_order_of_the_rows_does_not_matter() -> None:
    cohort = _cohort()
    first = match_participants(cohort, **OPTIONS)
    again = match_participants(cohort.sample(frac=1, random_state=3), **OPTIONS)
    pd.testing.assert_frame_equal(first.pairs, again.pairs)
    pd.testing.assert_frame_equal(first.left_out, again.left_out)


def test_everybody_is_matched_or_left_out_with_a_reason() -> None:
    cohort = _cohort()
    cohort.loc[0, "age"], cohort.loc[1, "sex"], cohort.loc[2, "diagnosis"], cohort.loc[3, "diagnosis"] = (
        np.nan, None, None, "MCI",
    )  # fmt: skip
    cohort.loc[4, ["age", "diagnosis"]] = [99.0, "AD"]
    matching = match_participants(cohort, **OPTIONS)
    reasons = matching.left_out.set_index("participant_id")["reason"]
    assert [reasons[cohort.loc[row, "participant_id"]] for row in range(5)] == [
        "no_age", "no_sex", "no_group", "other_group", "no_partner",
    ]  # fmt: skip
    assert set(reasons) == {"no_age", "no_sex", "no_group", "other_group", "no_partner", "not_needed"}
    assert sorted([*matching.participants, *reasons.index]) == sorted(cohort["participant_id"])
    told = matching.left_out.set_index("participant_id")["message"]
    assert told[cohort.loc[4, "participant_id"]] == "no control of the same stratum is left within 3 years."


def test_matching_removes_the_difference_of_ages() -> None:
    balance = match_participants(_cohort(400), **OPTIONS).balance()
    age = balance[balance["variable"] == "age"].set_index("when")
    assert age.loc["before", "smd"] > 0.5 and age.loc["before", "welch_p"] < 1e-4
    assert abs(age.loc["after", "smd"]) < 0.1 and age.loc["after", "mann_whitney_p"] > 0.3
    sex = balance[(balance["variable"] == "sex") & (balance["when"] == "after")]
    assert (sex["smd"] == 0).all() and (sex["fisher_p"] == 1).all()


def test_several_controls_weigh_as_much_as_their_case() -> None:
    cohort = pd.DataFrame(
        {
            "participant_id": list("abcdef"), "age": [60.0, 70.0, 59.0, 61.5, 70.5, 40.0], "sex": "f",
            "diagnosis": ["AD", "AD", "CN", "CN", "CN", "CN"],
        }
    )  # fmt: skip
    matching = match_participants(cohort, **OPTIONS, controls_per_case=2)
    assert matching.pairs[["pair", "case", "control"]].to_numpy().tolist() == [
        [1, "a", "c"], [1, "a", "d"], [2, "b", "e"],
    ]  # fmt: skip
    after = matching.balance(["age"]).set_index("when").loc["after"]
    assert after["other_value"] == pytest.approx(((59 + 61.5) / 2 + 70.5) / 2)
    assert (after["one"], after["other"]) == (2, 3)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda c: c.drop(columns="age"), {}, "have no column age"),
        (lambda c: c, {"within": ("town",)}, "have no column town"),
        (lambda c: pd.concat([c, c[:1]]), {}, "has two rows; matching takes one row a person"),
        (lambda c: c, {"case": "FTD"}, "0 participants with an age and a sex have diagnosis FTD"),
        (lambda c: c, {"caliper_years": -1.0}, "caliper is -1.0 years"),
        (lambda c: c, {"caliper_years": np.nan}, "caliper is nan years"),
        (lambda c: c, {"controls_per_case": 0}, "with 0 controls a case"),
    ],
)
def test_what_cannot_be_matched_is_refused(change, options: dict, words: str) -> None:
    with pytest.raises(MrisynthError, match=words):
        match_participants(change(_cohort()), **(OPTIONS | options))


def test_nobody_within_the_caliper_is_a_result(tmp_path: Path) -> None:
    cohort = pd.DataFrame({"participant_id": ["a", "b"], "age": [50.0, 80.0], "sex": "m", "diagnosis": ["AD", "CN"]})
    matching = match_participants(cohort, **OPTIONS)
    assert matching.pairs.empty and set(matching.left_out["reason"]) == {"no_partner", "not_needed"}
    balance = matching.balance()
    assert set(balance["when"]) == {"before"}
    matching_figure(matching, balance, tmp_path / "a.png", names=("AD", "CN"))


def test_the_figure_is_written_and_the_same_each_time(tmp_path: Path) -> None:
    matching = match_participants(_cohort(), **OPTIONS)
    balance = matching.balance(("age", "sex", "site"))
    for name in ("a.svg", "b.svg"):
        matching_figure(matching, balance, tmp_path / name, names=("AD", "CN"), title="A cohort of $ and _")
    text = (tmp_path / "a.svg").read_text()
    assert (tmp_path / "b.svg").read_text() == text
    cases, pairs = int((_cohort()["diagnosis"] == "AD").sum()), len(matching.pairs)
    for words in (f"AD ({cases})", f"AD ({pairs})", "sex: f", "site: a", "A cohort of $ and _"):
        assert f"<!-- {words} -->" in text
    assert "<!-- sex: m -->" not in text
