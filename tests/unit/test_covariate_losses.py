"""The loss of covariates against numbers worked out by hand, and which heads it moves."""

from __future__ import annotations

import math

import pytest
import torch

from mrisynth.networks.covariate_columns import CovariateColumns, places
from mrisynth.networks.covariate_vector import CovariateVector
from mrisynth.training.covariate_losses import told_loss
from mrisynth.training.losses import class_loss

NAN = float("nan")
COLUMNS = CovariateColumns((2, 0, 3))  # two sources, a number, three categories
LABELS = torch.tensor([[0.0, 0.5, NAN], [1.0, NAN, 2.0], [1.0, -1.0, NAN]])


def test_places_of_columns():
    assert places(COLUMNS) == [slice(0, 2), slice(2, 3), slice(3, 6)]
    assert places(CovariateColumns((1, 0, 2))) == [slice(0, 0), slice(0, 1), slice(1, 3)]  # one source tells nothing


def test_each_column_is_a_mean_over_the_images_that_know_it():
    heads = torch.tensor([[0.0, 0.0, 1.0, 9.0, 9.0, 9.0], [0.0, 0.0, 7.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 9, 9, 9]])
    expected = math.log(2) + (0.25 + 4.0) / 2 + math.log(3)
    assert told_loss(heads, LABELS, columns=COLUMNS).item() == pytest.approx(expected, rel=1e-6)


def test_a_head_gets_no_gradient_from_an_image_that_does_not_know_it():
    heads = torch.randn(3, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()
    told_loss(heads, LABELS, columns=COLUMNS).backward()
    known = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]], dtype=torch.bool)
    assert torch.equal(heads.grad != 0, known)


def test_pieces_weighted_by_their_share_add_up_to_the_batch():
    heads = torch.randn(3, 6, generator=torch.Generator().manual_seed(2))
    whole = told_loss(heads, LABELS, columns=COLUMNS)
    parts = [
        told_loss(heads[part], LABELS[part], columns=COLUMNS, batch_labels=LABELS) * len(LABELS[part]) / 3
        for part in (slice(0, 1), slice(1, 3))
    ]
    assert sum(parts).item() == pytest.approx(whole.item(), rel=1e-6)


def test_a_source_that_is_missing_counts_nothing_and_a_number_below_zero_does():
    labels = torch.tensor([[-1.0, -3.0, NAN]])
    heads = torch.zeros(1, 6)
    assert told_loss(heads, labels, columns=COLUMNS).item() == pytest.approx(9.0)


def test_of_classes_it_is_the_loss_of_classes():
    heads, labels = torch.randn(4, 6), torch.tensor([0, 5, -1, 3])
    assert torch.equal(told_loss(heads, labels, columns=(3, 2)), class_loss(heads, labels))
    assert told_loss(None, labels, columns=()).item() == 0


def test_the_vector_of_what_is_told():
    vector = CovariateVector(COLUMNS)
    assert vector.vector == 6
    assert vector.classes == 2
    assert vector(LABELS).tolist() == [[1, 0, 0.5, 0, 0, 0], [0, 1, 0, 0, 0, 1], [0, 1, -1, 0, 0, 0]]
    assert CovariateVector((2, 2))(torch.tensor([3, -1])).tolist() == [[0, 0, 0, 1], [0, 0, 0, 0]]
    assert CovariateVector(())(torch.tensor([-1])).shape == (1, 0)
