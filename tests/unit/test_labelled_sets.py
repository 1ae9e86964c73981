"""The sets behind condition fidelity and utility: labels in words, gaps, and the ages of classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.conditions import build_condition
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.labelled_sets import LEARNED_SENTENCE, feature_warnings, labelled_sets
from mrisynth.labels import label_of

SCANS = pd.DataFrame(
    {
        "scan": ["a", "b", "c", "d", "e", "f"],
        "participant_id": ["p1", "p1", "p2", "p3", "p4", "p5"],
        "split": ["train", "train", "train", "test", "validation", "test"],
        "sex": ["f", "m", None, "m", "f", "f"],
        "age": [20.0, 30.0, 61.0, 90.0, 33.0, np.nan],
        "age_tercile": ["low", "low", "high", "high", "low", None],
        "diagnosis": ["CN", None, "AD", "AD", "CN", "CN"],
    }
)


def _embeddings(ids: list[str]) -> Embeddings:
    return Embeddings(np.arange(2 * len(ids), dtype=np.float32).reshape(-1, 2), ids, {})


def test_scans_have_their_split_their_words_and_the_training_age_of_their_class() -> None:
    condition = build_condition("c", SCANS, kind="categorical", columns=["sex", "age_tercile"])
    asked = [label_of([0, 1], [2, 2]), label_of([1, None], [2, 2]), -1]
    sets = labelled_sets(
        _embeddings(list("fedcba")), _embeddings(["s0", "s1", "s2"]), scans=SCANS, condition=condition, asked=asked,
        targets=["diagnosis", "age", "scanner"],
    )  # fmt: skip
    assert set(sets) == {"train", "samples", "test"}
    train, test, samples = sets["train"], sets["test"], sets["samples"]
    assert train.groups == ["p2", "p1", "p1"]  # in the order of the embeddings
    assert train.features.tolist() == [[6, 7], [8, 9], [10, 11]]
    assert train.words == {
        "diagnosis": ["AD", None, "CN"],
        "sex": [None, "m", "f"],
        "age_tercile": ["high", "low", "low"],
    }
    np.testing.assert_array_equal(train.age, [61, 30, 20])
    np.testing.assert_array_equal(train.class_age, [61, 25, 25])
    np.testing.assert_array_equal(test.class_age, [np.nan, 61])  # f has no third; d is 90 years old
    assert samples.words == {"sex": ["m", "f", None], "age_tercile": ["high", None, None]}
    np.testing.assert_array_equal(samples.age, [61, np.nan, np.nan])
    assert samples.joint(["sex", "age_tercile"]) == ["m high", None, None]


def test_an_unconditional_model_says_nothing_of_its_samples() -> None:
    condition = build_condition("none", SCANS, kind="none")
    sets = labelled_sets(_embeddings(list("abcdef")), _embeddings(["s"]), scans=SCANS, condition=condition, asked=[-1])
    assert sets["samples"].words == {}
    assert np.isnan(sets["samples"].age).all()


def test_scans_and_samples_without_a_row_are_named() -> None:
    condition = build_condition("none", SCANS, kind="none")
    with pytest.raises(MrisynthError, match="scans table knows no scan x"):
        labelled_sets(_embeddings(["a", "x"]), _embeddings([]), scans=SCANS, condition=condition, asked=[])
    with pytest.raises(MrisynthError, match=r"2 labels .* 1 samples"):
        labelled_sets(_embeddings(["a"]), _embeddings(["s"]), scans=SCANS, condition=condition, asked=[0, 0])


def test_features_that_know_nothing_or_too_much_are_named() -> None:
    assert feature_warnings({"trained": True, "network": "inception"}) == []
    assert feature_warnings({"trained": True, "network": "cohort_encoder"}) == [LEARNED_SENTENCE]
    assert "untrained random network" in feature_warnings({"trained": False})[0]
