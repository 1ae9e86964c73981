"""How labels enter a generator: every way, with everything, something and nothing known."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from mrisynth.labels import label_of
from mrisynth.networks.conditioning import (
    CONDITION_INPUTS,
    EMBEDDED,
    ColumnEmbeddings,
    ConditionInput,
    JointEmbedding,
    OneHot,
    SharedTableChannel,
    column_digits,
    condition_input,
)
from mrisynth.networks.hagan_generator import HaganGenerator

COLUMNS = (2, 3)
WHAT_IS_KNOWN = list(product(*[[None, *range(categories)] for categories in COLUMNS]))


def _code(known: tuple[int | None, ...], columns: tuple[int, ...]) -> int:
    """The label as the docstring of the module states it, written out."""
    if None not in known:
        label = 0
        for value, categories in zip(known, columns, strict=True):
            label = label * categories + value
        return label
    code = 0
    for value, categories in zip(known, columns, strict=True):
        code = code * (categories + 1) + (0 if value is None else 1 + value)
    return -1 - code


@pytest.mark.parametrize("columns", [(2,), COLUMNS, (3, 2, 4)])
def test_digits_say_what_is_known(columns):
    cases = list(product(*[[None, *range(categories)] for categories in columns]))
    labels = torch.tensor([_code(case, columns) for case in cases])
    assert len(set(labels.tolist())) == len(cases)
    found = zip(*[digits.tolist() for digits in column_digits(labels, columns)], strict=True)
    assert list(found) == [tuple(0 if value is None else 1 + value for value in case) for case in cases]
    assert labels.tolist() == [label_of(case, columns) for case in cases]


def test_nothing_known_is_minus_one():
    assert [digits.item() for digits in column_digits(torch.tensor([-1]), COLUMNS)] == [0, 0]


def test_without_columns_there_is_no_condition():
    for kind in CONDITION_INPUTS:
        module = condition_input(kind, (), edge=4)
        assert type(module) is ConditionInput
        vector, channels = module(torch.tensor([-1, -1]))
        assert (vector.shape, channels.numel(), module.vector, module.channels) == ((2, 0), 0, 0, 0)


def test_one_hot_is_one_number_a_class_and_zero_when_missing():
    module = condition_input("one_hot", COLUMNS, edge=4)
    assert type(module) is OneHot
    vector, _ = module(torch.tensor([4, -1, -3, 0]))
    assert vector.tolist() == [[0, 0, 0, 0, 1, 0], [0] * 6, [0] * 6, [1, 0, 0, 0, 0, 0]]


def test_a_joint_embedding_has_a_row_a_class_and_one_for_what_is_missing():
    module = condition_input("embedding", COLUMNS, edge=4)
    assert type(module) is JointEmbedding
    vector, _ = module(torch.tensor([5, -1, -4]))
    assert module.table.weight.shape == (7, EMBEDDED)
    assert torch.equal(vector, module.table.weight[[5, 6, 6]])


def test_column_embeddings_add_up_what_is_known():
    module = condition_input("embedding_per_column", COLUMNS, edge=4)
    assert type(module) is ColumnEmbeddings
    labels = torch.tensor([_code(case, COLUMNS) for case in WHAT_IS_KNOWN])
    vectors, _ = module(labels)
    sex, age = (table.weight for table in module.tables)
    for (one, two), vector in zip(WHAT_IS_KNOWN, vectors, strict=True):
        expected = sex[0 if one is None else 1 + one] + age[0 if two is None else 1 + two]
        torch.testing.assert_close(vector, expected)
    assert len({tuple(vector.tolist()) for vector in vectors}) == len(WHAT_IS_KNOWN)


def test_the_shared_table_makes_a_channel_of_what_is_known():
    torch.manual_seed(0)
    module = condition_input("channel", COLUMNS, edge=3)
    assert type(module) is SharedTableChannel
    assert (module.vector, module.channels, module.table.num_embeddings) == (0, 1, 6)
    labels = torch.tensor([_code(known, COLUMNS) for known in ((1, 1), (1, None), (None, None))])
    vector, channels = module(labels)
    assert (vector.shape, channels.shape) == ((3, 0), (3, 1, 3, 3, 3))
    row, zero = module.table.weight[1], torch.zeros(EMBEDDED)
    for (one, two), channel in zip(((row, row), (row, zero), (zero, zero)), channels, strict=True):
        expected = module.linear(torch.cat([one, two])).view(1, 3, 3, 3)  # both columns look up row 1 of one table
        torch.testing.assert_close(channel, expected)


@pytest.mark.parametrize("kind", CONDITION_INPUTS)
def test_every_way_reaches_the_volume_and_learns(kind):
    torch.manual_seed(0)
    generator = HaganGenerator(32, width=8, latent=6, columns=COLUMNS, condition=kind)
    latents = torch.randn(1, 6).expand(3, -1)
    _, low = generator(latents, torch.tensor([0, 5, -1]), slab_starts=[0, 0, 0])
    assert not torch.allclose(low[0], low[1])
    assert not torch.allclose(low[1], low[2])
    low.square().sum().backward()
    for name, weight in generator.condition.named_parameters():
        assert weight.grad is not None and float(weight.grad.abs().sum()) > 0, name


def test_a_part_that_is_missing_is_told_only_where_columns_have_their_own_vectors():
    latents = torch.zeros(2, 6)
    labels = torch.tensor([_code((1, None), COLUMNS), _code((None, None), COLUMNS)])
    told = {}
    for kind in CONDITION_INPUTS:
        torch.manual_seed(0)
        generator = HaganGenerator(32, width=8, latent=6, columns=COLUMNS, condition=kind)
        features = generator.shared_features(latents, labels)
        told[kind] = not torch.allclose(features[0], features[1], atol=1e-5)  # rows may be rounded unlike
    assert told == {"one_hot": False, "embedding": False, "embedding_per_column": True, "channel": True}
