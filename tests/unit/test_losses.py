"""Losses with closed forms, and the guard of an optimiser step."""

from __future__ import annotations

import math

import pytest
import torch

from mrisynth.training.ema import decay_per_update, update_average
from mrisynth.training.losses import (
    class_loss,
    gradient_penalty,
    logistic_critic_loss,
    logistic_generator_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from mrisynth.training.steps import guarded_step


def test_logistic_losses_are_cross_entropies():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    expected = entropy(real, torch.ones(2)) + entropy(fake, torch.zeros(2))
    torch.testing.assert_close(logistic_critic_loss(real, fake), expected)
    torch.testing.assert_close(logistic_generator_loss(fake), entropy(fake, torch.ones(2)))


def test_wasserstein_losses():
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 0.0])
    assert wasserstein_critic_loss(real, fake) == pytest.approx(-2.5)
    assert wasserstein_generator_loss(fake) == pytest.approx(-0.5)


@pytest.mark.parametrize("slope", [0.0, 1.0, 3.0])
def test_gradient_penalty_of_a_linear_critic(slope):
    direction = torch.zeros(1, 2, 2, 2)
    direction[0, 1, 1, 1] = slope

    def critic(images: torch.Tensor) -> torch.Tensor:
        return (images * direction).sum(dim=(1, 2, 3, 4))

    real, fake = torch.randn(3, 1, 2, 2, 2), torch.randn(3, 1, 2, 2, 2)
    assert gradient_penalty(critic, real, fake, mix=torch.rand(3)) == pytest.approx((slope - 1) ** 2, abs=1e-6)


def test_gradient_penalty_is_taken_between_reals_and_fakes():
    def critic(images: torch.Tensor) -> torch.Tensor:
        return 0.5 * images.square().sum(dim=(1, 2, 3, 4))  # gradient = the point itself

    real, fake = torch.full((2, 1, 1, 1, 1), 4.0), torch.full((2, 1, 1, 1, 1), 2.0)
    mix = torch.tensor([1.0, 0.25])  # points 4 and 2.5
    assert float(gradient_penalty(critic, real, fake, mix=mix)) == pytest.approx((3.0**2 + 1.5**2) / 2)


def test_class_loss_leaves_missing_labels_out():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [9.0, -9.0]])
    labels = torch.tensor([0, 1, -1])
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    assert class_loss(logits, labels) == pytest.approx(expected)
    assert class_loss(logits, torch.tensor([-1, -1, -1])) == 0
    assert class_loss(None, labels) == 0


def test_a_step_with_an_infinite_loss_leaves_the_weights_alone():
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    optimiser = torch.optim.Adam([weight], lr=0.1)
    assert not guarded_step((weight * math.inf).sum(), optimiser)
    assert weight.tolist() == [1.0, 2.0]
    assert not optimiser.state
    assert guarded_step(weight.sum(), optimiser)
    assert weight.tolist() == pytest.approx([0.9, 1.9])


def test_a_step_with_a_gradient_that_is_not_a_number_is_skipped():
    weight = torch.nn.Parameter(torch.tensor([0.0]))
    assert not guarded_step(weight.sqrt().sum() * 0, torch.optim.Adam([weight], lr=0.1))
    assert weight.item() == 0.0


def test_average_halves_the_past_in_a_half_life():
    decay = decay_per_update(8, images_seen=10**6, half_life_images=400)
    assert decay**50 == pytest.approx(0.5)  # 50 updates of 8 images
    average, network = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    torch.nn.init.constant_(average.weight, 0.0)
    torch.nn.init.constant_(network.weight, 1.0)
    for _ in range(100):
        update_average(average, network, decay=decay)
    assert average.weight.item() == pytest.approx(0.75, abs=1e-5)  # 1 - 0.5 ** 2
    assert network.weight.item() == 1.0


def test_average_forgets_the_start_of_a_short_training():
    assert decay_per_update(8, images_seen=8, half_life_images=10_000) == pytest.approx(0.5**4)
    assert decay_per_update(8, images_seen=8, half_life_images=0) == 0.0
