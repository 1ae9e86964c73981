"""Covariates by kind and the tables that hold them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mrisynth.covariates.kinds import Covariate, checked_table
from mrisynth.covariates.settings import ModelSettings
from mrisynth.errors import ConfigError, MrisynthError

SEVERAL = (
    Covariate("age", bounds=(18, 90)),
    Covariate("sex", "binary", ("f", "m")),
    Covariate("apoe", "categorical", ("e2", "e3", "e4")),
)


def test_what_is_written_is_read():
    plain = json.loads(json.dumps([one.to_dict() for one in SEVERAL]))
    assert tuple(Covariate.from_dict(one) for one in plain) == SEVERAL
    assert Covariate.from_dict({"name": "age"}) == Covariate("age") and [one.levels for one in SEVERAL] == [0, 2, 3]
    settings = ModelSettings(log=("a",), age="beta")
    assert ModelSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    assert ModelSettings.from_dict({}) == ModelSettings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "ordinal"},
        {"kind": "categorical", "categories": ("one",)},
        {"kind": "categorical", "categories": ("one", "one")},
        {"kind": "binary", "categories": ("one", "two", "three")},
        {"categories": ("one", "two")},
        {"bounds": (2.0, 1.0)},
        {"kind": "binary", "bounds": (0.0, 1.0)},
    ],
)
def test_kinds_categories_and_bounds_that_do_not_fit_are_named(wrong):
    with pytest.raises(MrisynthError, match="the covariate 'x'"):
        Covariate("x", **wrong)


@pytest.mark.parametrize("wrong", [{"components": 0}, {"age": "gamma"}, {"covariance": "full"}, {"limit": 3}])
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ModelSettings.from_dict(wrong)


def test_a_table_holds_numbers_of_levels_or_nothing():
    table = np.array([[50, 1, 2], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(checked_table(table.tolist(), SEVERAL), table)
    for place, number in ((0, np.inf), (1, 2), (2, 0.5), (2, -1)):
        wrong = table.copy()
        wrong[0, place] = number
        with pytest.raises(MrisynthError, match=f"'{SEVERAL[place].name}' holds {number:g}"):
            checked_table(wrong, SEVERAL)
    with pytest.raises(MrisynthError, match="shape"):
        checked_table(table[:, :2], SEVERAL)
    with pytest.raises(MrisynthError, match="53 covariates"):
        checked_table(np.zeros((1, 53)), [Covariate(f"c{k}") for k in range(53)])
