"""Similarity of slices against scikit-image, pairs that may not be, and sets whose variety is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from mrisynth.errors import MrisynthError
from mrisynth.metrics.intervals import interval
from mrisynth.metrics.pairs import compare_models
from mrisynth.metrics.slice_pair_means import KINDS, PairSimilarities
from mrisynth.metrics.slice_pairs import pairs_between, pairs_within
from mrisynth.metrics.slice_similarity import SliceGroup, score_slice_similarity
from mrisynth.metrics.slice_ssim import slice_ssim

SIZE = 24
CLASSES = ["CN", "AD"]


def slices(count, *, seed, spread=30.0, of=None):
    """Smooth random slices inside a disk; ``spread`` is how different they are."""
    generator = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(generator.normal(0, 1, (count, SIZE, SIZE)), (0, 2, 2))
    disk = np.hypot(*(np.indices((SIZE, SIZE)) - SIZE / 2)) < SIZE / 2.5
    values = 120 + spread * fields / fields.std()
    labels = np.arange(count) % 2 if of is None else np.full(count, of)
    images = np.where(disk, np.clip(values, 1, 255), 0).astype(np.uint8)
    return SliceGroup(images=images, labels=labels, participants=[f"p{row}" for row in range(count)])


def scored(real, fake, **changes):
    settings = {"classes": CLASSES, "model": "m", "seed": 3, "pairs": 60, "replicates": 50} | changes
    return score_slice_similarity(real, fake, **settings)


@pytest.fixture(scope="module")
def real():
    return slices(60, seed=0)


@pytest.mark.parametrize("signed", [False, True])
def test_similarity_is_that_of_scikit_image(signed):
    first, second = _noisy_pair(24)
    a, b = ((image / 127.5 - 1 if signed else image.astype(float)) for image in (first, second))
    _, expected = structural_similarity(
        a, b, data_range=2 if signed else 255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert slice_ssim(first, second, signed=signed) == pytest.approx(expected[5:-5, 5:-5].mean(), abs=1e-9)
    assert slice_ssim(first, second, signed=signed) == pytest.approx(slice_ssim(second, first, signed=signed))


@pytest.mark.parametrize(("size", "window"), [(9, 9), (8, 7), (4, 3)])
def test_small_slices_have_the_largest_window_that_fits(size, window):
    first, second = _noisy_pair(size)
    line = np.exp(-0.5 * ((np.arange(window) - window // 2) / 1.5) ** 2)
    weights = np.outer(line, line) / line.sum() ** 2
    found = []
    for row in range(first.shape[0] - window + 1):
        for column in range(first.shape[1] - window + 1):
            a, b = (image[row : row + window, column : column + window] / 1.0 for image in (first, second))
            ma, mb = (weights * a).sum(), (weights * b).sum()
            va, vb = (weights * (a - ma) ** 2).sum(), (weights * (b - mb) ** 2).sum()
            both = (weights * (a - ma) * (b - mb)).sum()
            found.append(
                (2 * ma * mb + 6.5025) * (2 * both + 58.5225) / ((ma**2 + mb**2 + 6.5025) * (va + vb + 58.5225))
            )
    assert slice_ssim(first, second) == pytest.approx(np.mean(found), abs=1e-9)


def _noisy_pair(size):
    generator = np.random.default_rng(size)
    one = ndimage.gaussian_filter(generator.uniform(0, 255, (size, size + 3)), 1.0)
    return one.astype(np.uint8), np.clip(one + generator.normal(0, 30, one.shape), 0, 255).astype(np.uint8)


def test_similarity_of_equal_opposite_and_coloured_slices():
    one, other = slices(2, seed=1).images
    assert slice_ssim(one, one) == pytest.approx(1.0)
    assert slice_ssim(np.zeros_like(one), np.zeros_like(one)) == pytest.approx(1.0)
    assert -1 <= slice_ssim(one, 255 - one) < slice_ssim(one, other) < 1
    stacked = (np.stack([one, other, one], axis=2), np.stack([other, other, one], axis=2))
    assert slice_ssim(*stacked) == pytest.approx((slice_ssim(one, other) + 2) / 3)
    for wrong in (one[:-1], one.astype(float)):
        with pytest.raises(MrisynthError, match="two of uint8"):
            slice_ssim(one, wrong)


def test_pairs_are_all_there_are_where_they_are_few():
    generator = np.random.default_rng(0)
    found = pairs_within(["b", "a", "b", "c"], pairs=99, generator=generator)
    assert found.tolist() == [[0, 1], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert pairs_within(["a"] * 5, pairs=3, generator=generator).shape == (0, 2)
    assert pairs_within([], pairs=3, generator=generator).shape == (0, 2)
    assert pairs_between(2, 3, pairs=9, generator=generator).tolist() == [
        [0, 0],
        [0, 1],
        [0, 2],
        [1, 0],
        [1, 1],
        [1, 2],
    ]
    assert pairs_between(0, 3, pairs=9, generator=generator).shape == (0, 2)


@pytest.mark.parametrize("people", [400, 7, 3])
def test_drawn_pairs_are_distinct_and_of_two_persons(people):
    groups = np.random.default_rng(1).integers(0, people, 400)
    found = pairs_within(groups, pairs=500, generator=np.random.default_rng(2))
    assert found.shape == (500, 2) and len({tuple(pair) for pair in found}) == 500
    assert (found[:, 0] < found[:, 1]).all() and (groups[found[:, 0]] != groups[found[:, 1]]).all()
    again = pairs_within(groups, pairs=500, generator=np.random.default_rng(2))
    assert (found == again).all()
    between = pairs_between(300, 200, pairs=500, generator=np.random.default_rng(2))
    assert len({tuple(pair) for pair in between}) == 500 and (between.max(axis=0) < [300, 200]).all()


@pytest.mark.parametrize("pairs", [2, 4])  # drawn until they differ, and picked from a list
def test_every_pair_is_as_likely_as_another(pairs):
    groups, counts = ["a", "a", "a", "b", "b", "c", "d"], {}
    for number in range(4000):
        for pair in pairs_within(groups, pairs=pairs, generator=np.random.default_rng(number)):
            counts[tuple(pair)] = counts.get(tuple(pair), 0) + 1
    assert len(counts) == 17
    expected = 4000 * pairs / 17
    assert all(abs(count - expected) < 4.5 * np.sqrt(expected) for count in counts.values())


def test_sets_of_known_variety_rank(real):
    alike, as_real = (scored(real, slices(60, seed=5, spread=spread)).scored.table for spread in (8.0, 30.0))
    alike, as_real = alike.set_index("metric"), as_real.set_index("metric")
    for ending in ("", "_CN", "_AD"):
        value, floor = alike.loc[f"slice_ssim_fake_fake{ending}", ["value", "floor"]]
        assert value > floor + 0.1 and floor == alike.loc[f"slice_ssim_real_real{ending}", "value"]
        assert alike.loc[f"slice_ssim_gap{ending}", "value"] == pytest.approx(value - floor)
        assert alike.loc[f"slice_ssim_gap{ending}", "low"] > 0.05 > as_real.loc[f"slice_ssim_gap{ending}", "low"]
        row = as_real.loc[f"slice_ssim_fake_fake{ending}"]
        assert row["floor_low"] < row["floor"] < row["floor_high"] and row["low"] < row["floor"] < row["high"]
    assert alike.loc["slice_ssim_fake_fake_sd", "value"] < 0.5 * alike.loc["slice_ssim_fake_fake_sd", "floor"]
    assert set(alike.loc[["slice_ssim_real_real", "slice_ssim_real_real_sd"], "model"]) == {"real"}
    assert set(alike["better"]) == {"neither", "lower"} and (alike["warning"] == "").all()
    models = pd.concat([alike.reset_index(), as_real.reset_index().replace({"model": {"m": "o"}})])
    keys = {("m", "slice_ssim_gap"): scored(real, slices(60, seed=5, spread=8.0))}
    keys["o", "slice_ssim_gap"] = scored(real, slices(60, seed=5), model="o")
    replicates = {key: own for found in keys.values() for key, own in found.scored.replicates.items()}
    pairs = compare_models(models.drop_duplicates(), replicates).set_index("metric")
    assert pairs.loc["slice_ssim_gap", "ahead"] == "o"


def test_numbers_are_those_of_the_pairs(real):
    found = scored(real, slices(40, seed=6))
    pairs, summary = found.pairs, found.summary.set_index(["kind", "label"])
    assert pairs.groupby(["kind", "label"]).size().eq(60).all() and set(pairs["kind"]) == set(KINDS)
    fake = slices(40, seed=6)
    for row in pairs.iloc[::41].itertuples():
        one, other = ({"real": real, "fake": fake}[side] for side in row.kind.split("_"))
        assert row.ssim == slice_ssim(one.images[row.one], other.images[row.other])
        assert one.labels[row.one] == other.labels[row.other] == CLASSES.index(row.label)
    means = pairs.groupby(["kind", "label"])["ssim"].agg(["mean", "std", "count"])
    for kind in KINDS:
        for label in CLASSES:
            mean, spread, _ = means.loc[kind, label]
            assert summary.loc[(kind, label), ["mean", "sd"]].tolist() == pytest.approx(
                [mean, spread * np.sqrt(59 / 60)]
            )
        every = pairs.loc[pairs["kind"] == kind, "ssim"]
        assert summary.loc[(kind, "all"), ["mean", "sd"]].tolist() == pytest.approx([every.mean(), every.std(ddof=0)])
    assert summary.loc[("real_real", "all"), "pairs"] == 120 and (summary["low"] < summary["mean"]).all()


def test_two_slices_of_a_person_are_no_pair_unless_asked_for(real):
    people = [f"p{row // 4}" for row in range(60)]
    twins = SliceGroup(images=np.repeat(real.images[::2], 2, axis=0), labels=np.repeat([0, 1], 30), participants=people)
    apart = scored(twins, real, pairs=10**6).pairs.query("kind == 'real_real'")
    assert all(people[row.one] != people[row.other] for row in apart.itertuples()) and apart["ssim"].max() < 0.999
    together = scored(twins, real, pairs=10**6, apart=False).pairs.query("kind == 'real_real'")
    assert together["ssim"].max() == pytest.approx(1.0) and len(together) == 2 * 30 * 29 / 2
    assert (together["one"] != together["other"]).all()


def test_one_seed_gives_one_table_and_real_pairs_do_not_hang_on_the_model(real):
    fake = slices(40, seed=6)
    one, other = scored(real, fake), scored(real, fake)
    pd.testing.assert_frame_equal(one.scored.table, other.scored.table)
    third = scored(real, slices(30, seed=7), model="another")
    kinds = [found.pairs.query("kind == 'real_real'") for found in (one, third)]
    pd.testing.assert_frame_equal(*kinds)
    assert not scored(real, fake, seed=4).pairs.equals(one.pairs)


def test_classes_count_alike_and_those_without_pairs_are_named(real):
    fake = slices(40, seed=8)
    lone = SliceGroup(images=fake.images, labels=np.where(np.arange(40) < 39, 0, 1), participants=fake.participants)
    found = scored(real, lone)
    assert set(found.pairs["label"]) == {"CN", "AD"} and set(found.summary["label"]) == {"all"}
    assert found.scored.table["warning"].str.contains("without pairs: AD").all()
    assert found.summary["mean"].iloc[0] == found.pairs.query("kind == 'real_real' and label == 'CN'")["ssim"].mean()
    uneven = SliceGroup(images=fake.images, labels=np.where(np.arange(40) < 37, 0, 1), participants=fake.participants)
    means = scored(real, uneven).pairs.groupby(["kind", "label"])["ssim"].mean()
    all_of = scored(real, uneven).summary.set_index(["kind", "label"])["mean"]
    assert all_of["fake_fake", "all"] == pytest.approx(means["fake_fake"].mean())  # 3 pairs of AD, 60 of CN
    nobody = SliceGroup(images=fake.images, labels=np.full(40, -1), participants=fake.participants)
    nothing = scored(real, nobody)
    assert nothing.scored.table["value"].isna().all() and nothing.pairs.empty and nothing.summary.empty
    assert nothing.scored.table["warning"].str.startswith("No pairs").all() and len(nothing.scored.table) == 3
    assert set(scored(real, nobody, classes=()).summary["label"]) == {"all"}
    with pytest.raises(MrisynthError, match="not alike"):
        scored(real, SliceGroup(images=fake.images[:, :-1], labels=fake.labels, participants=fake.participants))


def test_few_slices_are_said(real):
    few = scored(real, slices(6, seed=3)).scored.table
    assert few["warning"].str.contains("Only 6 slices").all()
    rows = few.set_index("metric").loc[["slice_ssim_fake_fake", "slice_ssim_fake_fake_AD"]]
    assert rows["value"].notna().all() and rows["low"].isna().all()
    assert rows["warning"].str.contains("No interval").all()


@pytest.mark.parametrize("own", [0.0, 0.8])
def test_intervals_hold_the_truth_whether_slices_or_pairs_decide(own):
    """Similarities of a part that goes with each slice and a part of the pair alone; the true mean is 0.5."""
    generator, held = np.random.default_rng(0), []
    for number in range(60):
        count = 40
        effects = generator.normal(0, 0.1 * np.sqrt(own / 2), (2, count))
        parts = []
        for kind in KINDS:
            sides = [("real", "fake").index(side) for side in kind.split("_")]
            chosen = pairs_within(np.arange(count), pairs=150, generator=generator)
            noise = generator.normal(0, 0.1 * np.sqrt(1 - own), 150)
            values = 0.5 + effects[sides[0]][chosen[:, 0]] + effects[sides[1]][chosen[:, 1]] + noise
            parts.append(
                pd.DataFrame({"kind": kind, "label": "x", "one": chosen[:, 0], "other": chosen[:, 1], "ssim": values})
            )
        comparison = _prepared(pd.concat(parts), count)
        found = interval(
            comparison, real_groups=np.arange(count), synthetic_count=count, metric_values=comparison.values, seed=number,
            entity="test", replicates=40,
        )  # fmt: skip
        held.append([found.low[column] <= 0.5 <= found.high[column] for column in range(3)])
        held[-1] += [found.low[column] <= 0.1 <= found.high[column] for column in (3, 5)]
    shares = np.mean(held, axis=0)
    assert (shares > 0.85).all() and shares[:3].mean() > 0.92  # in 400 draws: 94 % and more of means, 90 % of spreads


def _prepared(table, count):
    return PairSimilarities(table.reset_index(drop=True), ["x"], (count, count))


def test_influences_are_derivatives_by_the_weights_of_slices():
    """Moving the weight of one slice a little changes every number as its influence says."""
    generator = np.random.default_rng(3)
    parts = []
    for kind in KINDS:
        for label in CLASSES:
            rows = generator.integers(0, 12, (40, 2))
            rows = rows[rows[:, 0] != rows[:, 1]]
            ssim = generator.uniform(0.2, 0.9, len(rows))
            parts.append(
                pd.DataFrame({"kind": kind, "label": label, "one": rows[:, 0], "other": rows[:, 1], "ssim": ssim})
            )
    table = pd.concat(parts, ignore_index=True)
    real, fake = PairSimilarities(table, CLASSES, (12, 12)).influences()

    def numbers(weights):
        """The seven numbers over both classes, each pair weighted by its two slices."""
        means, squares = [], []
        for kind in KINDS:
            sides = kind.split("_")
            mine = [table[(table["kind"] == kind) & (table["label"] == label)] for label in CLASSES]
            own = [weights[sides[0]][part["one"]] * weights[sides[1]][part["other"]] for part in mine]
            means.append(np.mean([np.average(p["ssim"], weights=w) for p, w in zip(mine, own, strict=True)]))
            squares.append(
                np.mean([np.average((p["ssim"] - means[-1]) ** 2, weights=w) for p, w in zip(mine, own, strict=True)])
            )
        return np.array([*means, *np.sqrt(squares), abs(means[2] - means[0])])

    plain = {"real": np.ones(12), "fake": np.ones(12)}
    assert PairSimilarities(table, CLASSES, (12, 12))()[:7] == pytest.approx(numbers(plain))
    for side, influences in (("real", real), ("fake", fake)):
        for row in (0, 5, 11):
            moved = {name: weights.copy() for name, weights in plain.items()}
            moved[side][row] += 1e-6
            slope = (numbers(moved) - numbers(plain)) / 1e-6
            np.testing.assert_allclose(influences[row, :7], slope, atol=1e-5)
