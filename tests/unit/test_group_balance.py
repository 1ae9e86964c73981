"""Balance of groups: every number against a closed form or a count of all possibilities."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy import special

from mrisynth.cohorts.group_balance import Groups, compare_groups, split_balance
from mrisynth.cohorts.splits import assign_splits, balance_table, strata_of
from mrisynth.errors import MrisynthError

ONE = pd.DataFrame({"age": [71.0, 64.0, 80.0, 77.0, np.nan], "sex": ["f", "f", "m", "f", None]})
OTHER = pd.DataFrame({"age": [50.0, 66.0, 58.0, 61.0, 72.0, 55.0], "sex": ["m", "m", "f", "m", "m", "f"]})


def _row(table: pd.DataFrame, variable: str, level: str = "mean") -> pd.Series:
    return table[(table["variable"] == variable) & (table["level"] == level)].iloc[0]


def test_ages_are_compared_by_mean_spread_welch_and_ranks() -> None:
    row = _row(compare_groups(Groups(one=ONE, other=OTHER)), "age")
    x, y = ONE["age"].dropna().to_numpy(), OTHER["age"].to_numpy()
    vx, vy = x.var(ddof=1), y.var(ddof=1)
    assert (row["one"], row["other"]) == (4, 6)
    assert row["smd"] == pytest.approx((x.mean() - y.mean()) / np.sqrt((vx + vy) / 2))
    t = (x.mean() - y.mean()) / np.sqrt(vx / 4 + vy / 6)
    freedom = (vx / 4 + vy / 6) ** 2 / ((vx / 4) ** 2 / 3 + (vy / 6) ** 2 / 5)
    assert row["welch_p"] == pytest.approx(2 * special.stdtr(freedom, -abs(t)))
    values, wins = np.concatenate([x, y]), []
    for chosen in combinations(range(10), 4):
        mine = np.isin(np.arange(10), chosen)
        wins.append((values[mine][:, None] > values[~mine]).sum())
    centred = np.abs(np.array(wins) - 12)
    assert row["mann_whitney_p"] == pytest.approx(np.mean(centred >= abs((x[:, None] > y).sum() - 12)))


def test_sexes_are_compared_by_shares_chi_squared_and_fisher() -> None:
    table = compare_groups(Groups(one=ONE, other=OTHER))
    row = _row(table, "sex", "f")
    a, b, c, d = 3, 1, 2, 4  # f and m of one, f and m of other
    assert (row["one"], row["other"], row["one_value"]) == (3, 2, 0.75)
    p, q = 0.75, 1 / 3
    assert row["smd"] == pytest.approx((p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2))
    assert _row(table, "sex", "m")["smd"] == pytest.approx(-row["smd"])
    statistic = 10 * (a * d - b * c) ** 2 / ((a + b) * (c + d) * (a + c) * (b + d))
    assert row["chi_squared_p"] == pytest.approx(special.erfc(np.sqrt(statistic / 2)))
    chances = [comb(5, k) * comb(5, 4 - k) / comb(10, 4) for k in range(5)]
    assert row["fisher_p"] == pytest.approx(sum(chance for chance in chances if chance <= chances[a] + 1e-12))


def test_the_spread_of_other_groups_divides_the_differences() -> None:
    wide = Groups(one=ONE.assign(age=[40, 60, 80, 100, 120]), other=OTHER)
    row = _row(compare_groups(Groups(one=ONE, other=OTHER), ["age"], spread_of=wide), "age")
    variance = (np.var([40, 60, 80, 100, 120], ddof=1) + OTHER["age"].var()) / 2
    assert row["smd"] == pytest.approx((73 - OTHER["age"].mean()) / np.sqrt(variance))


def test_weights_count_in_means_and_shares_and_skip_missing_values() -> None:
    weights = np.array([1.0, 0.5, 0.5, 1.0, 0.25, 0.25, 3.0])
    other = pd.concat([OTHER, pd.DataFrame({"age": [np.nan], "sex": [None]})], ignore_index=True)
    table = compare_groups(Groups(one=ONE, other=other, weights=weights))
    assert _row(table, "age")["other_value"] == pytest.approx(np.average(OTHER["age"], weights=weights[:6]))
    assert _row(table, "sex", "f")["other_value"] == pytest.approx(0.75 / 3.5)


def test_groups_too_small_or_all_alike_have_no_p() -> None:
    small = pd.DataFrame({"age": [60.0], "sex": ["f"]})
    table = compare_groups(Groups(one=small, other=small))
    assert table[["welch_p", "mann_whitney_p", "chi_squared_p", "fisher_p"]].isna().all(axis=None)
    assert (table["smd"] == 0).all()
    constant = pd.DataFrame({"age": [60.0, 60.0], "sex": ["f", "f"]})
    assert _row(compare_groups(Groups(one=constant, other=constant + constant)), "age").isna()["welch_p"]
    three = pd.DataFrame({"site": ["a", "b", "c", "a"]})
    row = compare_groups(Groups(one=three, other=three[::-1]), ["site"]).iloc[0]
    assert row["chi_squared_p"] == 1 and np.isnan(row["fisher_p"])
    with pytest.raises(MrisynthError, match="have no column height; they have age, sex"):
        compare_groups(Groups(one=ONE, other=OTHER), ["height"])


def test_a_split_within_classes_is_balanced_and_says_so() -> None:
    generator = np.random.default_rng(1)
    people = pd.DataFrame(
        {
            "participant_id": [f"sub-{number}" for number in range(600)],
            "age": generator.normal(70, 8, 600),
            "sex": generator.choice(["m", "f"], 600),
            "diagnosis": generator.choice(["AD", "CN"], 600, p=[0.3, 0.7]),
        }
    )
    strata = strata_of(people, ["diagnosis"])
    splits = assign_splits(people["participant_id"], seed=5, test_fraction=0.2, validation_fraction=0.16, strata=strata)
    people["split"] = people["participant_id"].map(splits)
    table = split_balance(people)
    assert set(table["split"]) == {"validation", "test"} and table.columns[0] == "split"
    assert table.loc[table["variable"] == "diagnosis", "smd"].abs().max() < 0.02
    assert table.loc[table["variable"] == "diagnosis", "chi_squared_p"].min() > 0.8
    own = balance_table(people).set_index(["variable", "level", "split"])["smd"]
    for row in table.to_dict("records"):
        assert row["smd"] == pytest.approx(own[row["variable"], row["level"], row["split"]])
    older = people.assign(age=people["age"] + 10 * (people["split"] == "test"))
    found = split_balance(older).set_index(["split", "variable"])
    assert found.loc[("test", "age"), "welch_p"] < 1e-6 < found.loc[("validation", "age"), "welch_p"]
    assert split_balance(people.assign(split="train")).empty
