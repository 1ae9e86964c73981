"""Losses with closed forms, and the moving average."""

from __future__ import annotations

import math

import pytest
import torch

from mrisynth.training.ema import decay_per_update, update_average
from mrisynth.training.losses import (
    adversarial_critic_loss,
    adversarial_generator_loss,
    class_loss,
    logistic_critic_loss,
    logistic_generator_loss,
    relativistic_critic_loss,
    relativistic_generator_loss,
    slope_one_penalty,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
    zero_centred_penalty,
)


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


def test_relativistic_losses_compare_pairs():
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 5.0])
    critic = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(1))) / 2
    assert float(relativistic_critic_loss(real, fake)) == pytest.approx(critic)
    assert float(relativistic_generator_loss(fake, real + 1)) == pytest.approx(
        (math.log(1 + math.exp(2)) + math.log(2)) / 2
    )


def test_adversarial_losses_by_name():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])
    expected = {
        "logistic": (logistic_critic_loss(real, fake), logistic_generator_loss(fake)),
        "wasserstein": (wasserstein_critic_loss(real, fake), wasserstein_generator_loss(fake)),
        "relativistic": (relativistic_critic_loss(real, fake), relativistic_generator_loss(fake, real)),
    }
    for kind, (critic, generator) in expected.items():
        assert adversarial_critic_loss(kind, real, fake) == critic
        assert adversarial_generator_loss(kind, fake, real) == generator
    assert len({float(critic) for critic, _ in expected.values()}) == 3
    assert len({float(generator) for _, generator in expected.values()}) == 3
    with pytest.raises(KeyError):
        adversarial_critic_loss("hinge", real, fake)


def test_zero_centred_penalty_by_hand():
    """The critic 3 x + y^2 / 2 of two voxels has the squared slope 9 + y^2."""
    images = torch.tensor([[5.0, 2.0], [-1.0, 4.0]]).view(2, 1, 2, 1, 1).requires_grad_()
    scores = 3 * images[:, 0, 0, 0, 0] + images[:, 0, 1, 0, 0].square() / 2
    penalty = zero_centred_penalty(scores, images)
    assert penalty.item() == pytest.approx(((9 + 4) + (9 + 16)) / 2 / 2)
    penalty.backward()  # a loss of the critic: it has a gradient of its own
    assert images.grad.flatten(1).tolist() == [[0.0, 1.0], [0.0, 2.0]]


@pytest.mark.parametrize("slope", [0.0, 1.0, 3.0])
def test_gradient_penalty_of_a_linear_critic(slope):
    direction = torch.zeros(1, 2, 2, 2)
    direction[0, 1, 1, 1] = slope

    def critic(images: torch.Tensor) -> torch.Tensor:
        return (images * direction).sum(dim=(1, 2, 3, 4))

    real, fake = torch.randn(3, 1, 2, 2, 2), torch.randn(3, 1, 2, 2, 2)
    assert slope_one_penalty(critic, real, fake, mix=torch.rand(3)) == pytest.approx((slope - 1) ** 2, abs=1e-6)


def test_gradient_penalty_is_taken_between_reals_and_fakes():
    def critic(images: torch.Tensor) -> torch.Tensor:
        return 0.5 * images.square().sum(dim=(1, 2, 3, 4))  # gradient = the point itself

    real, fake = torch.full((2, 1, 1, 1, 1), 4.0), torch.full((2, 1, 1, 1, 1), 2.0)
    mix = torch.tensor([1.0, 0.25])  # points 4 and 2.5
    assert slope_one_penalty(critic, real, fake, mix=mix).item() == pytest.approx((3.0**2 + 1.5**2) / 2)


def test_class_loss_leaves_missing_labels_out():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [9.0, -9.0]])
    labels = torch.tensor([0, 1, -1])
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    assert class_loss(logits, labels) == pytest.approx(expected)
    assert class_loss(logits, torch.tensor([-1, -1, -1])) == 0
    assert class_loss(None, labels) == 0


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
    assert decay_per_update(8, images_seen=8, half_life_images=10_000) == pytest.approx(0.5**20)
    assert decay_per_update(8, images_seen=8, half_life_images=0) == 0.0
