"""The membership attack: the area and its interval, the rate at 1 %, the verdict on a release."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from mrisynth.errors import MrisynthError
from mrisynth.metrics.membership import members_found, membership_auc
from mrisynth.metrics.release import release_verdict
from mrisynth.metrics.shares import share_interval
from mrisynth.metrics.table import Score
from mrisynth.metrics.voxel_attack import likeness_to_samples


def test_area_is_that_of_scikit_learn_with_ties():
    generator = np.random.default_rng(0)
    members, others = generator.integers(0, 12, 40), generator.integers(0, 9, 23)
    expected = roc_auc_score(np.r_[np.ones(40), np.zeros(23)], np.r_[members, others])
    assert membership_auc(members, others).value == pytest.approx(expected)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_interval_covers_the_true_area(shift):
    generator, true = np.random.default_rng(1), stats.norm.cdf(shift / np.sqrt(2))
    covered = []
    for _ in range(300):
        found = membership_auc(generator.normal(shift, 1, 60), generator.normal(0, 1, 30))
        covered.append(found.low <= true <= found.high)
    assert 0.91 < np.mean(covered) < 0.985


def test_sides_apart_have_an_interval_of_their_own():
    found = membership_auc(np.arange(10, 30), np.arange(10))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025**0.1)
    turned = membership_auc(np.arange(10), np.arange(10, 30))
    assert (turned.value, turned.low) == (0.0, 0.0)
    with pytest.raises(MrisynthError, match="found 1 and 5"):
        membership_auc(np.ones(1), np.ones(5))


def test_rate_counts_members_above_all_but_one_in_a_hundred():
    others = np.arange(200.0)
    members = np.array([198.5, 197.5, 197.0, 5.0])
    assert members_found(members, others).value == 0.5
    assert members_found(others + 0.5, others).value == pytest.approx(0.015)
    with pytest.raises(MrisynthError, match="100 non-members, found 99"):
        members_found(members, others[:99])
    with pytest.raises(MrisynthError, match="needs members"):
        members_found(members[:0], others)


def test_interval_of_a_share_is_the_exact_one():
    low, high = share_interval(3, 40)
    assert stats.binom.sf(2, 40, low) == pytest.approx(0.025)
    assert stats.binom.cdf(3, 40, high) == pytest.approx(0.025)
    assert share_interval(0, 10)[0] == 0 and share_interval(10, 10)[1] == 1
    assert np.isnan(share_interval(0, 0)).all()


def test_likeness_sees_copies_and_their_mirror_images_and_no_member_by_its_mean():
    scans = np.random.default_rng(2).random((60, 8, 8, 8)).astype(np.float32) + 0.1
    samples = np.concatenate([scans[:2, ::-1], scans[30:]])
    likeness = likeness_to_samples(scans[:30], samples)
    assert likeness[:2].min() > 0.98 > 0.4 > likeness[2:].max()


def verdict_of(area=(0.5, 0.4, 0.6), found=1.0, flagged=(0.0, 0.0, 0.01), *, features="voxels", trained=True):
    def score(metric, value, low=np.nan, high=np.nan, source="model"):
        return Score(
            metric=metric, model="model" if source == "model" else "planted_exact", source=source, features=features,
            features_sha256="", features_trained=trained, view="32", reference="train", value=value, low=low, high=high,
            better="neither", n=200, seed=0,
        )  # fmt: skip

    return release_verdict(
        [score("membership_auc", *area), score("copies_found", found, source="control"), score("copies", *flagged)]
    )


def test_verdict_holds_all_three_conditions():
    assert verdict_of()[0] == 1
    assert verdict_of(flagged=(0.01, 0.001, 0.04))[1].endswith("Look at the 2 flagged samples first.")
    for settings, words in (
        ({"area": (0.7, 0.6, 0.8)}, "membership can be guessed in voxels"),
        ({"found": 0.9}, "finds only 90% of planted_exact"),
        ({"flagged": (0.1, 0.06, 0.2)}, "10.0% of the samples look like copies"),
    ):
        value, sentence = verdict_of(**settings)
        assert value == 0 and sentence.startswith("Do not release") and words in sentence
    for settings in ({"area": (np.nan,) * 3}, {"found": np.nan}, {"trained": False}):
        value, sentence = verdict_of(**settings)
        assert np.isnan(value) and "cannot be told" in sentence
