"""Tables of several sources made whole, against a known Gaussian and the structural equations of the digits."""

from __future__ import annotations

import json
from itertools import pairwise
from time import process_time

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import gamma, ks_2samp, kstest

from mrisynth.covariates.completion import Completion
from mrisynth.covariates.kinds import Covariate
from mrisynth.covariates.settings import ModelSettings
from mrisynth.covariates.source_model import SourceModel
from mrisynth.covariates.structural import COLUMNS, draw_causes
from mrisynth.errors import MrisynthError

SPREAD = np.array([[1.0, 0.7, -0.6], [0.7, 1.0, -0.42], [-0.6, -0.42, 1.0]])
"""The second and the third number are independent given the first: 0.7 x -0.6 = -0.42."""
THREE = tuple(Covariate(name) for name in ("age", "one", "other"))
DIGITS = (*map(Covariate, COLUMNS), Covariate("digit", "categorical", tuple("0123456789")))


def hide(rows: np.ndarray, sources: np.ndarray, unknown: dict[int, tuple[int, ...]]) -> np.ndarray:
    hidden = rows.copy()
    for source, columns in unknown.items():
        hidden[np.ix_(sources == source, columns)] = np.nan
    return hidden


def two_sources(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = np.random.default_rng(seed).multivariate_normal(np.zeros(3), SPREAD, size=count)
    sources = np.arange(count) % 2
    return rows, hide(rows, sources, {0: (2,), 1: (1,)}), sources


def test_private_numbers_of_two_sources_meet_through_what_they_share():
    _, known, sources = two_sources(8000, seed=1)
    whole = Completion.fit(known, sources, THREE, names=["a", "b"], seed=3).complete(
        known, sources, np.random.default_rng(4)
    )
    np.testing.assert_array_equal(whole[~np.isnan(known)], known[~np.isnan(known)])
    for source in (0, 1):
        np.testing.assert_allclose(np.cov(whole[sources == source].T), SPREAD, atol=0.06)
    np.testing.assert_allclose(whole.mean(axis=0), 0, atol=0.04)


def test_the_published_covariance_loosens_what_the_sources_share():
    _, known, sources = two_sources(8000, seed=2)
    settings = ModelSettings(covariance="marginal", components=1)
    model = Completion.fit(known, sources, THREE, names=["a", "b"], settings=settings, seed=3)
    drawn = model.complete(known, sources, np.random.default_rng(4))[sources == 0]
    assert drawn[:, 2].var() == pytest.approx(1 + 0.36, abs=0.07)
    assert np.corrcoef(drawn[:, 0], drawn[:, 2])[0, 1] == pytest.approx(-0.6 / np.sqrt(1.36), abs=0.03)


@pytest.mark.parametrize("settings", [ModelSettings(), ModelSettings(components=1)])
def test_digits_of_two_sources_follow_the_structural_equations(settings):
    """One source knows the intensity, the other the slant: drawn ones have the equations' noise, given thickness.

    With i and s turned into logit((i - 64) / 191) - 2 t + 5 and artanh(s / 56) - t + 2.5 the noise is N(0, 0.5) and
    N(0, 0.3), independent of thickness and of each other. One Gaussian cannot bend, several can.
    """
    generator = np.random.default_rng(5)
    truth = np.column_stack([draw_causes(6000, generator), generator.integers(0, 10, 6000)])
    sources = np.arange(6000) % 2
    known = hide(truth, sources, {0: (2,), 1: (1,)})
    covariates = (DIGITS[0], Covariate("intensity", bounds=(64, 255)), Covariate("slant", bounds=(-56, 56)), DIGITS[3])
    model = Completion.fit(known, sources, covariates, names=["a", "b"], settings=settings, seed=1)
    drawn = model.complete(known, sources, np.random.default_rng(6))
    thickness = drawn[:, 0]
    off = []
    for column, source in ((1, 1), (2, 0)):
        part = sources == source
        edges = np.quantile(thickness, np.linspace(0, 1, 7))
        for low, high in pairwise(edges):
            inside = (thickness >= low) & (thickness < high)
            real, new = (truth[inside & ~part, column], drawn[inside & part, column])
            off.append(abs(new.mean() - real.mean()) / truth[:, column].std())
    whole = ks_2samp(truth[sources == 0, 1], drawn[sources == 1, 1]).statistic
    if settings.components == 1:
        assert max(off) > 0.2
    else:
        assert max(off) < 0.12 and whole < 0.06
        centred = [noise(rows) for rows in (truth, drawn)]
        np.testing.assert_allclose(np.corrcoef(centred[1].T)[0, 1], 0, atol=0.06)
        np.testing.assert_allclose(np.median(centred[1], axis=0), 0, atol=0.06)
        spans = [np.subtract(*np.quantile(part, [0.75, 0.25], axis=0)) for part in centred]
        np.testing.assert_allclose(spans[1], spans[0], rtol=0.25)


def noise(rows: np.ndarray) -> np.ndarray:
    thickness, intensity, slant = rows[:, :3].T
    a = logit(np.clip((intensity - 64) / 191, 1e-3, 1 - 1e-3)) - 2 * thickness + 5
    return np.stack([a, np.arctanh(np.clip(slant / 56, -0.999, 0.999)) - thickness + 2.5], axis=1)


def test_the_equations_are_those_of_the_specification():
    rows = draw_causes(20_000, np.random.default_rng(7))
    assert kstest(rows[:, 0] - 0.5, gamma(10, scale=1 / 5).cdf).pvalue > 0.001
    middle = np.abs(rows[:, 0] - 2.5) < 0.5
    found = noise(rows[middle])
    np.testing.assert_allclose(found.std(axis=0), [0.5, 0.3], rtol=0.03)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.02)
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.03
    assert rows[:, 1].min() > 64 and rows[:, 1].max() <= 255 and np.abs(rows[:, 2]).max() <= 56
    assert np.median(rows[:, 1]) == pytest.approx(64 + 191 * expit(2 * np.median(rows[:, 0]) - 5), rel=0.03)


def test_of_three_sources_the_one_that_shares_most_fills_first():
    """a knows age alone; c knows age and one, b one and other: c comes before b, or one would not follow age."""
    generator = np.random.default_rng(8)
    age = generator.normal(60, 8, 3000)
    one = age / 8 + 0.5 * generator.standard_normal(3000)
    rows = np.column_stack([age, one, one + 0.5 * generator.standard_normal(3000)])
    sources = np.arange(3000) % 3
    known = hide(rows, sources, {0: (1, 2), 1: (0,), 2: (2,)})
    model = Completion.fit(known, sources, THREE, names=["a", "b", "c"], seed=1)
    whole = model.complete(known, sources, np.random.default_rng(0))
    part = sources == 0
    np.testing.assert_allclose(np.corrcoef(whole[part].T), np.corrcoef(rows.T), atol=0.06)


def test_the_same_generator_gives_the_same_table_also_after_json():
    _, known, sources = two_sources(300, seed=9)
    model = Completion.fit(known, sources, THREE, names=["a", "b"], seed=3)
    read = Completion.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    assert list(read.models) == ["a", "b"] and read.covariates == THREE
    tables = [one.complete(known, sources, np.random.default_rng(s)) for one, s in ((model, 1), (read, 1), (model, 2))]
    np.testing.assert_array_equal(tables[0], tables[1])
    assert (tables[0] != tables[2]).any() and not np.isnan(tables[0]).any()
    again = Completion.fit(known, sources, THREE, names=["a", "b"], seed=3)
    np.testing.assert_array_equal(again.complete(known, sources, np.random.default_rng(1)), tables[0])
    assert model.complete(known[:0], sources[:0], np.random.default_rng(1)).shape == (0, 3)


def test_a_batch_takes_about_a_millisecond():
    _, known, sources = two_sources(1000, seed=10)
    model, generator = Completion.fit(known, sources, THREE, names=["a", "b"], seed=3), np.random.default_rng(0)
    model.complete(known[:64], sources[:64], generator)
    start = process_time()
    for _ in range(100):
        model.complete(known[:64], sources[:64], generator)
    assert (process_time() - start) / 100 < 0.005


def test_covariates_that_no_source_knows_and_sources_that_know_none_are_named():
    _, known, sources = two_sources(60, seed=11)
    blind = known.copy()
    blind[:, 1] = np.nan
    with pytest.raises(MrisynthError, match="no source knows one"):
        Completion.fit(blind, sources, THREE, names=["a", "b"], seed=1)
    with pytest.raises(MrisynthError, match="'c' has no value"):
        Completion.fit(known, sources, THREE, names=["a", "b", "c"], seed=1)
    other = SourceModel.fit(known[:, :2], THREE[:2], seed=1)
    with pytest.raises(MrisynthError, match="'b' is of other covariates"):
        Completion({"a": SourceModel.fit(known, THREE, seed=1), "b": other}, THREE)
