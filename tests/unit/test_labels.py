"""Labels: one number for what is known of a condition, the same for tables and networks."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from mrisynth.labels import categories_of, label_name, label_of, values_of
from mrisynth.networks.conditioning import column_digits

COLUMNS = {"sex": ["m", "f"], "age_tercile": ["low", "middle", "high"]}
ALL = list(product([None, 0, 1], [None, 0, 1, 2]))


@pytest.mark.parametrize(
    ("categories", "label", "name"),
    [
        ((0, 0), 0, "m low"),
        ((0, 2), 2, "m high"),
        ((1, 0), 3, "f low"),
        ((None, None), -1, "n/a"),
        ((None, 0), -2, "n/a low"),
        ((0, None), -5, "m n/a"),
        ((1, None), -9, "f n/a"),
    ],
)
def test_hand_computed_labels(categories, label, name):
    assert label_of(categories, (2, 3)) == label
    assert categories_of(label, (2, 3)) == list(categories)
    assert label_name(label, COLUMNS) == name


def test_every_combination_has_a_label_of_its_own_that_networks_read_alike():
    labels = [label_of(categories, (2, 3)) for categories in ALL]
    assert len(set(labels)) == len(ALL)
    assert [categories_of(label, (2, 3)) for label in labels] == [list(categories) for categories in ALL]
    digits = torch.stack(column_digits(torch.tensor(labels), (2, 3)), dim=1).tolist()
    assert digits == [[0 if one is None else 1 + one for one in categories] for categories in ALL]


def test_values_in_words():
    assert values_of(5, COLUMNS) == {"sex": "f", "age_tercile": "high"}
    assert values_of(-9, COLUMNS) == {"sex": "f", "age_tercile": "n/a"}
    assert values_of(-1, {}) == {}
    assert label_name(-1, {}) == "n/a"
