"""All metrics behind the one interface, and what they answer where little is defined."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.comparison import METRICS, SmoothComparison, metric

SMOOTH = {"fid", "kid", "density_coverage"}


@pytest.fixture
def generator():
    return np.random.default_rng(11)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("width", [4, 100])  # fewer and more features than rows
def test_values_subsets_and_order(name, width, generator):
    chosen = metric(name)
    real, synthetic = generator.normal(size=(30, width)), generator.normal(0.3, 1.2, size=(20, width))
    comparison = chosen.between(real, synthetic)
    values = comparison()
    assert values.shape == (len(chosen.values),)
    for number, value in zip(values, chosen.values, strict=True):
        assert (value.lowest is None or number >= value.lowest) and (value.highest is None or number <= value.highest)
    some, others = generator.permutation(30)[:12], generator.permutation(20)[:9]
    np.testing.assert_allclose(
        comparison(some, others), chosen.between(real[some], synthetic[others])(), rtol=1e-8, atol=1e-9
    )
    shuffled = chosen.between(real[generator.permutation(30)], synthetic[generator.permutation(20)])
    np.testing.assert_allclose(shuffled(), values, rtol=1e-8, atol=1e-9)
    assert isinstance(comparison, SmoothComparison) == (name in SMOOTH)
    assert comparison.smallest == chosen.smallest


@pytest.mark.parametrize("name", METRICS)
def test_better_samples_have_better_values(name, generator):
    chosen = metric(name)
    real = generator.normal(size=(200, 6))
    good = chosen.between(real, generator.normal(size=(200, 6)))()
    bad = chosen.between(real, generator.normal(2.0, 0.5, size=(200, 6)))()
    for value, one, other in zip(chosen.values, good, bad, strict=True):
        assert (one < other) if value.better == "lower" else (one > other), value.name


@pytest.mark.parametrize("name", METRICS)
def test_identical_sets_have_the_best_value(name, generator):
    real = generator.normal(size=(20, 30)).astype(np.float32)
    values = dict(
        zip([value.name for value in metric(name).values], metric(name).between(real, real.copy())(), strict=True)
    )
    best = {"fid": 0.0, "kid": 0.0, "density": 4 / 3}
    assert values == pytest.approx({key: best.get(key, 1.0) for key in values}, abs=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_a_set_of_one_row_again_and_again_is_defined_and_worse(name, generator):
    chosen = metric(name)
    real = generator.normal(size=(40, 5))
    duplicated = chosen.between(real, np.repeat(real[:1], 40, axis=0))()
    fair = chosen.between(real, generator.normal(size=(40, 5)))()
    assert np.isfinite(duplicated).all()
    names = [value.name for value in chosen.values]
    worse = {"fid": 1, "kid": 1, "recall": -1, "coverage": -1, "clipped_coverage": -1}
    for name_of_value, sign in worse.items():
        if name_of_value in names:
            place = names.index(name_of_value)
            assert sign * duplicated[place] > sign * fair[place], name_of_value


@pytest.mark.parametrize("name", METRICS)
def test_constant_features_are_defined(name):
    rows = np.ones((8, 3))
    values = metric(name).between(rows, rows.copy())()
    assert np.isfinite(values).all()


@pytest.mark.parametrize("name", METRICS)
def test_too_few_rows_and_what_is_not_finite_are_refused(name, generator):
    chosen = metric(name, k=3)
    assert chosen.smallest == (2 if name in ("fid", "kid") else 4)
    good = generator.normal(size=(10, 3))
    with pytest.raises(MrisynthError, match=f"{chosen.smallest - 1} real rows of features, expected {chosen.smallest}"):
        chosen.between(good[: chosen.smallest - 1], good)
    with pytest.raises(MrisynthError, match=rf"{chosen.smallest} (real rows of features )?or more"):
        chosen.between(good, good)(np.arange(chosen.smallest - 1), None)
    bad = good.copy()
    bad[4, 1] = np.nan
    with pytest.raises(MrisynthError, match="1 of 10 synthetic rows of features are not finite"):
        chosen.between(good, bad)
    with pytest.raises(MrisynthError, match="width"):
        chosen.between(good, good[:, :2])


def test_names():
    with pytest.raises(MrisynthError, match="'is' is unknown, expected one of fid, kid"):
        metric("is")
    with pytest.raises(MrisynthError, match="k of 1 or more neighbours, found 0"):
        metric("precision_recall", k=0)
    names = [value.name for name in METRICS for value in metric(name).values]
    assert len(set(names)) == len(names) == 8
