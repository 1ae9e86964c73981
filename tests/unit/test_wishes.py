"""Wishes: which labels are drawn, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.wishes import wish_of

COLUMNS = [{"name": "sex", "categories": ["m", "f"]}, {"name": "age_tercile", "categories": ["low", "middle", "high"]}]
FACTS = {
    "model": {"name": "model"},
    "classes": ["m low", "m middle", "m high", "f low", "f middle", "f high"],
    "columns": COLUMNS,
    "label_counts": [3, 0, 1, 0, 2, 4],
    "extra": {"training_scans": 12},
}
PLAIN = {"model": {"name": "plain"}, "classes": [], "columns": [], "label_counts": []}


def shares(condition, **facts) -> dict[int, float]:
    return wish_of(condition, facts=FACTS | facts, condition_input="embedding_per_column").shares


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, {0: 0.3, 1: 0.0, 2: 0.1, 3: 0.0, 4: 0.2, 5: 0.4}),
        ("f high", {5: 1.0}),
        (2, {2: 1.0}),
        ({"sex": "m"}, {0: 0.75, 1: 0.0, 2: 0.25}),
        ({"age_tercile": "low", "sex": "f"}, {3: 1.0}),  # never seen together
        ({"sex": "f", "age_tercile": "n/a"}, {-9: 1.0}),
        ({"age_tercile": "n/a"}, {-5: 0.4, -9: 0.6}),
        ({"sex": "n/a", "age_tercile": "n/a"}, {-1: 1.0}),
    ],
)
def test_columns_without_a_wish_are_drawn_as_often_as_in_training(condition, expected):
    assert shares(condition) == pytest.approx(expected)


def test_classes_are_drawn_as_often_as_in_training():
    wish = wish_of(None, facts=FACTS, condition_input="embedding")
    labels = np.array([wish.draw(seed) for seed in range(500)])
    assert set(labels) == {0, 2, 4, 5}
    assert (labels == 5).mean() == pytest.approx(0.4, abs=0.08)
    assert [wish.draw(seed) for seed in range(500)] == labels.tolist()


def test_an_unconditional_model_draws_without_a_label():
    assert wish_of(None, facts=PLAIN, condition_input="embedding").draw(3) == -1
    for condition, words in (("m low", "it is unconditional"), ({"sex": "f"}, "none, it is unconditional")):
        with pytest.raises(MrisynthError, match=words):
            wish_of(condition, facts=PLAIN, condition_input="embedding")


@pytest.mark.parametrize(
    ("condition", "condition_input", "sentence"),
    [
        ({"sex": "n/a"}, "one_hot", "condition_input is one_hot"),
        ({"sex": "n/a"}, "channel", "condition_input is channel"),
        ({"sex": "n/a"}, "embedding", "all columns or nothing; ask for n/a in sex, age_tercile"),
        ({"site": "HH"}, "embedding", "no condition column 'site'; its columns: sex, age_tercile"),
        ({"sex": "x"}, "embedding", "column sex has no value 'x'; it has m, f"),
        ("f old", "embedding", "no class 'f old'; its classes: 0 m low, 1 m middle"),
        (6, "embedding", "no class 6"),
        (-1, "embedding", "no class -1"),
    ],
)
def test_wishes_that_a_model_cannot_meet_are_one_sentence(condition, condition_input, sentence):
    with pytest.raises(MrisynthError, match=sentence):
        wish_of(condition, facts=FACTS, condition_input=condition_input)


def test_nothing_known_at_all_can_be_told_by_a_joint_embedding():
    wish = wish_of({"sex": "n/a", "age_tercile": "n/a"}, facts=FACTS, condition_input="embedding")
    assert wish.shares == {-1: 1.0}


def test_a_gap_that_training_never_showed_cannot_be_asked_for():
    with pytest.raises(MrisynthError, match="no training scan had a gap"):
        shares({"sex": "n/a"}, extra={"training_scans": 10})
