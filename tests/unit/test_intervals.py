"""Intervals hold the expectation as often as they say, on closed forms and against draws of whole data sets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import t as student

from mrisynth.errors import MrisynthError
from mrisynth.metrics.comparison import Value, metric
from mrisynth.metrics.intervals import interval
from mrisynth.metrics.pairs import paired_difference

MEAN = (Value("difference of means", "lower", None, None),)


class MeanDifference:
    """The difference of two means: its standard error is known, and it keeps the rows that it was asked for."""

    smallest = 1

    def __init__(self, real, synthetic):
        self.sets, self.asked = (real, synthetic), []

    def __call__(self, real_rows=None, synthetic_rows=None):
        self.asked.append((real_rows, synthetic_rows))
        real, synthetic = (
            rows if chosen is None else rows[chosen]
            for rows, chosen in zip(self.sets, (real_rows, synthetic_rows), strict=True)
        )
        return np.array([real.mean() - synthetic.mean()])


def of(comparison, values, *, n_real, n_synthetic, groups=None, **settings):
    settings = {"seed": 1, "entity": "test"} | settings
    groups = np.arange(n_real) if groups is None else groups
    return interval(comparison, real_groups=groups, synthetic_count=n_synthetic, metric_values=values, **settings)


def known_error(real, synthetic):
    return np.sqrt(real.var(ddof=1) / len(real) + synthetic.var(ddof=1) / len(synthetic))


@pytest.mark.parametrize(("n", "m", "at"), [(30, 30, None), (24, 90, None), (31, 31, None), (20, 80, 20), (60, 25, 20)])
def test_error_of_a_difference_of_means_is_the_closed_form(n, m, at):
    generator = np.random.default_rng(n)
    real, synthetic = generator.exponential(size=n), generator.exponential(2.0, size=m)
    found = of(MeanDifference(real, synthetic), MEAN, n_real=n, n_synthetic=m, replicates=3000, n=at)
    # parts of 10 do not fit into 12 samples: what stands in two of them counts twice
    assert 0.95 < found.replicates.std(ddof=1) / known_error(real, synthetic) < (1.15 if m == 25 else 1.05)
    assert found.value[0] == pytest.approx(real.mean() - synthetic.mean(), abs=0.15 * known_error(real, synthetic))
    assert found.replicates.mean() == pytest.approx(found.value[0])
    assert found.low + found.high == pytest.approx(2 * found.value)
    reach = student.ppf(0.975, min(n, m) - 1) * found.replicates.std(ddof=1)
    assert found.high[0] - found.value[0] == pytest.approx(reach)


def test_scans_of_one_participant_are_drawn_together():
    generator = np.random.default_rng(0)
    people, synthetic = generator.normal(size=24), generator.normal(size=48)
    real, groups = np.repeat(people, 2), np.repeat([f"p{number}" for number in range(24)], 2)
    comparison = MeanDifference(real, synthetic)
    found = of(comparison, MEAN, n_real=48, n_synthetic=48, groups=groups, replicates=2000)
    error = np.sqrt(people.var(ddof=1) / 24 + synthetic.var(ddof=1) / 48)
    assert found.replicates.std(ddof=1) == pytest.approx(error, rel=0.07)
    for rows, _ in comparison.asked[1:]:
        assert (np.unique(groups[rows], return_counts=True)[1] == 2).all()


@pytest.mark.parametrize("name", ["kid", "fid"])
def test_influences_of_scans_of_one_participant_add_up(name):
    generator = np.random.default_rng(0)
    people, synthetic = generator.normal(size=(24, 3)), generator.normal(1.0, 1.0, size=(400, 3))
    thrice = np.repeat(people, 3, axis=0) + 1e-3 * generator.normal(size=(72, 3))
    values = metric(name).values
    alone = of(metric(name).between(people, synthetic), values, n_real=24, n_synthetic=400)
    groups = np.repeat(np.arange(24), 3)
    both = of(metric(name).between(thrice, synthetic), values, n_real=72, n_synthetic=400, groups=groups)
    assert both.replicates.std() == pytest.approx(alone.replicates.std(), rel=0.15)


def test_halves_are_without_replacement_and_those_of_scans_do_not_know_the_samples():
    real = np.random.default_rng(0).normal(size=31)
    draws = []
    for count, settings in [(40, {}), (50, {}), (40, {"seed": 2}), (40, {"entity": "train"})]:
        comparison = MeanDifference(real, np.arange(float(count)))
        of(comparison, MEAN, n_real=31, n_synthetic=count, replicates=30, **settings)
        assert comparison.asked[0] == (None, None)
        for rows, others in comparison.asked[1:]:
            assert len(np.unique(rows)) == len(rows) == 15
            assert len(np.unique(others)) == len(others) == count // 2
        draws.append([tuple(rows) for rows, _ in comparison.asked[1:]])
    assert draws[0] == draws[1]
    assert draws[0] != draws[2] and draws[0] != draws[3]
    assert len(set(draws[0])) == 30


def test_at_n_rows_every_comparison_has_n_rows_and_every_sample_counts():
    comparison = MeanDifference(np.zeros(20), np.arange(80.0))
    of(comparison, MEAN, n_real=20, n_synthetic=80, replicates=3, n=20)
    whole, halves = comparison.asked[:-12], comparison.asked[-12:]
    assert len(whole) == 20
    for rows, size, samples in ((whole, 20, 80), (halves, 10, 40)):
        assert {(len(one), len(other)) for one, other in rows} == {(size, size)}
        for start in range(0, len(rows), 4):
            assert len(np.unique(np.concatenate([other for _, other in rows[start : start + 4]]))) == samples


def test_a_few_rows_that_fill_no_part_are_left_out_of_a_draw():
    comparison = MeanDifference(np.zeros(99), np.arange(124.0))
    of(comparison, MEAN, n_real=99, n_synthetic=124, replicates=3, n=49)
    halves = comparison.asked[-3 * 6 :]
    assert {(len(one), len(other)) for one, other in halves} == {(24, 24)}
    real, synthetic = (np.concatenate([rows[side] for rows in halves[:6]]) for side in (0, 1))
    assert len(np.unique(real)) == 48  # of 49, in two parts
    assert len(np.unique(synthetic)) == 62  # in three parts


def laws(shift):
    scales = np.array([1.0, 0.8, 0.6, 0.4])
    return (np.zeros(4), scales), (np.full(4, shift) * scales, 1.1 * scales)


def frechet_of_laws(one, other):
    return float(np.sum((one[0] - other[0]) ** 2) + np.sum((one[1] - other[1]) ** 2))


def expected_kernel(one, other):
    """E (x.y / d + 1)^3 of independent normal vectors with diagonal covariances."""
    (a, s), (b, r), d = (one[0], one[1] ** 2), (other[0], other[1] ** 2), 4
    alpha, v, w, both = a @ b, a @ (r * a), b @ (s * b), s @ r
    third = alpha**3 + 3 * alpha * v + 3 * (alpha * (both + w) + 2 * a @ (r * s * b))
    return 1 + 3 * alpha / d + 3 * (alpha**2 + v + w + both) / d**2 + third / d**3


def study(name, shift, *, n, m, draws, replicates=60, k=3):
    """Return values, errors and whether the mean value lies in the interval, each [draws, values]."""
    chosen, found = metric(name, k=k), []
    for seed in range(draws):
        generator = np.random.default_rng([seed, n])
        sets = [generator.normal(*law, size=(size, 4)) for law, size in zip(laws(shift), (n, m), strict=True)]
        comparison = chosen.between(*sets)
        found.append(of(comparison, chosen.values, n_real=n, n_synthetic=m, replicates=replicates, seed=seed))
    values = np.array([one.value for one in found])
    errors = np.array([one.replicates.std(axis=0, ddof=1) for one in found])
    ends = np.array([[one.low, one.high] for one in found])
    return values, errors, ends


@pytest.mark.parametrize(("shift", "least", "most"), [(1.0, 0.85, 1.2), (0.0, 0.95, 1.6)])
def test_kid_interval_holds_the_closed_form(shift, least, most):
    """At shift 0 little depends on single rows: the interval is up to sqrt(2) too wide, never too narrow."""
    values, errors, ends = study("kid", shift, n=50, m=40, draws=200)
    one, other = laws(shift)
    truth = expected_kernel(one, one) + expected_kernel(other, other) - 2 * expected_kernel(one, other)
    assert values.mean() == pytest.approx(truth, abs=3 * values.std() / np.sqrt(200))
    assert least < np.sqrt((errors**2).mean()) / values.std() < most
    assert ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean() >= 0.9


def test_fid_interval_holds_the_expected_distance():
    values, errors, ends = study("fid", 0.8, n=60, m=80, draws=120, replicates=50)
    mean, truth = values.mean(), frechet_of_laws(*laws(0.8))
    assert truth < mean < 1.1 * truth  # few rows raise it
    assert 0.87 < np.sqrt((errors**2).mean()) / values.std() < 1.2
    assert ((ends[:, 0] <= mean) & (mean <= ends[:, 1])).mean() >= 0.9


def test_fid_interval_in_more_features_than_rows():
    values, errors = [], []
    for seed in range(80):
        generator = np.random.default_rng(seed)
        scales = 1 / np.sqrt(np.arange(1, 101))
        real, synthetic = generator.normal(size=(25, 100)) * scales, generator.normal(size=(25, 100)) * scales
        synthetic[:, 0] += 1.5
        comparison = metric("fid").between(real, synthetic)
        found = of(comparison, metric("fid").values, n_real=25, n_synthetic=25, replicates=60, seed=seed)
        values.append(found.value[0])
        errors.append(found.replicates.std(ddof=1))
    assert np.mean(values) > 1.5**2  # the true distance: few rows raise it
    assert 0.85 < np.sqrt(np.mean(np.square(errors))) / np.std(values) < 1.3


@pytest.mark.parametrize("name", ["precision_recall", "density_coverage"])
def test_intervals_of_neighbour_metrics_hold_the_mean_of_draws(name):
    values, errors, ends = study(name, 0.4, n=50, m=50, draws=120, replicates=40)
    mean = values.mean(axis=0)
    ratios = np.sqrt((errors**2).mean(axis=0)) / values.std(axis=0)
    assert (ratios > 0.75).all() and (ratios < 1.35).all(), ratios
    covered = ((ends[:, 0] <= mean) & (mean <= ends[:, 1])).mean(axis=0)
    assert (covered > 0.86).all(), covered


def test_paired_difference_drops_what_the_choice_of_scans_does_to_both():
    differences, paired, unpaired = [], [], []
    chosen = metric("kid")
    for seed in range(120):
        generator = np.random.default_rng(seed)
        real = generator.standard_t(4, size=(40, 3))
        found = []
        for shift in (1.0, 1.2):
            synthetic = generator.normal(shift, 1.0, size=(160, 3))
            comparison = chosen.between(real, synthetic)
            found.append(of(comparison, chosen.values, n_real=40, n_synthetic=160, replicates=60, seed=seed))
        values, resampled = ([getattr(one, name) for one in found] for name in ("value", "replicates"))
        difference, low, high = paired_difference(
            [value[0] for value in values], [rows[:, 0] for rows in resampled], n=40
        )
        assert low < difference < high
        differences.append(difference)
        paired.append((high - low) / (2 * 2.023))
        unpaired.append(np.hypot(*[one.replicates.std(ddof=1) for one in found]))
    true = np.std(differences)
    assert 0.8 < np.sqrt(np.mean(np.square(paired))) / true < 1.25
    assert np.sqrt(np.mean(np.square(unpaired))) / true > 2


def test_paired_differences_need_equal_replicates_and_know_missing_ones():
    resampled, none = np.array([1.0, 2.0]), np.empty(0)
    assert paired_difference((1.0, 1.0), (resampled, resampled), n=9) == (0.0, 0.0, 0.0)
    with pytest.raises(MrisynthError, match="equal numbers of resampled values, found 2 and 3"):
        paired_difference((1.0, 1.0), (resampled, np.zeros(3)), n=9)
    difference, low, high = paired_difference((1.0, 1.0), (none, none), n=9)
    assert difference == 0.0 and np.isnan(low) and np.isnan(high)


@pytest.mark.fault(20)
def test_identical_sets():
    rows = np.random.default_rng(0).normal(size=(40, 60))
    kid = of(metric("kid").between(rows, rows.copy()), metric("kid").values, n_real=40, n_synthetic=40)
    assert kid.value[0] == pytest.approx(0.0, abs=1e-9)
    assert kid.low[0] < -1e-6 and kid.high[0] > 1e-6
    fid = of(metric("fid").between(rows, rows.copy()), metric("fid").values, n_real=40, n_synthetic=40)
    assert fid.value[0] == pytest.approx(0.0, abs=1e-6)
    assert fid.low[0] == 0.0 and fid.high[0] > 0.0


def test_ends_stay_within_bounds():
    generator = np.random.default_rng(0)
    chosen = metric("precision_recall")
    real = generator.normal(size=(12, 2))
    found = of(chosen.between(real, 0.5 * real[:10]), chosen.values, n_real=12, n_synthetic=10)
    assert (found.low >= 0).all() and (found.high <= 1).all() and (found.low < found.high).any()


def test_a_share_of_none_or_all_of_few_rows_is_not_certain():
    rows = np.random.default_rng(0).normal(size=(31, 2))
    chosen = metric("precision_recall")
    none = of(chosen.between(rows, rows + 1e3), chosen.values, n_real=31, n_synthetic=31)
    every = of(chosen.between(rows, rows.copy()), chosen.values, n_real=31, n_synthetic=31)
    exact = 1 - binomtest(31, 31).proportion_ci(method="exact").low
    assert none.value.tolist() == none.low.tolist() == [0.0, 0.0] and none.high == pytest.approx([exact] * 2)
    assert every.value.tolist() == every.high.tolist() == [1.0, 1.0] and every.low == pytest.approx([1 - exact] * 2)
    fid = of(metric("fid").between(rows, rows.copy()), metric("fid").values, n_real=31, n_synthetic=31)
    assert fid.low[0] == 0.0 < fid.high[0] < np.inf


def test_halves_too_small_for_the_metric_leave_the_interval_missing():
    rows = np.random.default_rng(0).normal(size=(7, 2))
    chosen = metric("precision_recall", k=3)
    found = of(chosen.between(rows, rows + 0.1), chosen.values, n_real=7, n_synthetic=7)
    assert np.isfinite(found.value).all()
    assert np.isnan(found.low).all() and np.isnan(found.high).all() and found.replicates.shape == (0, 2)
    assert found.gap(0).startswith("No interval")
    one_person = of(chosen.between(rows, rows), chosen.values, n_real=7, n_synthetic=7, groups=["a"] * 7)
    assert np.isnan(one_person.low).all()


def test_more_rows_than_there_are_cannot_be_wanted():
    with pytest.raises(MrisynthError, match="at 9 rows a set needs so many, found 8 scans, 20 samples"):
        of(MeanDifference(np.zeros(8), np.zeros(20)), MEAN, n_real=8, n_synthetic=20, n=9)
