"""The losses of R3GAN by hand: of a linear critic, through the augmentation, and piece by piece."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.r3gan_models import awake, batch_of, normal, state_with
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.models.interface import State
from mrisynth.models.r3gan_losses import R3ganStep, critic_loss, generator_loss
from mrisynth.training.augmentation import AugmentationDraw, draw_augmentation
from mrisynth.training.slice_augmentation import augment_slices
from mrisynth.training.steps import Stepper

WHOLE = slice(0, 6)


def _step(
    state: State, *, labels: list[int] | None = None, draw: AugmentationDraw | None = None, weight: float = 0.0
) -> R3ganStep:
    batch, latents = batch_of(state.recipe, labels), normal(state.recipe.batch_size, 8, seed=7)
    given = {"images": batch.images, "labels": batch.labels, "latents": latents}
    return R3ganStep(state=state, **given, draw=draw, penalty_weight=weight)


class _Linear(nn.Module):
    """A critic that weighs pixels; of a bright image more than of a dark one."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return (images * self.weights).flatten(1).sum(dim=1)


def test_the_critics_loss_of_a_linear_critic_by_hand():
    state = state_with()
    weights = 0.1 * normal(1, 16, 16)
    state.networks["critic"] = critic = _Linear(weights)
    step = _step(state, weight=3.0)
    loss = critic_loss(step, WHOLE)
    with torch.no_grad():
        fakes = state.networks["generator"](step.latents, step.labels)
    apart = ((step.images - fakes) * weights).flatten(1).sum(dim=1)
    steepness = float(weights.square().sum())  # R1 and R2 are both the squared norm of the weights
    compared = torch.log1p(torch.exp(-apart)).mean()
    torch.testing.assert_close(loss.detach(), compared + 3.0 / 2 * 2 * steepness, atol=1e-5, rtol=1e-5)
    found = step.means()
    torch.testing.assert_close(found["penalty_slice"], torch.tensor(steepness), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found["critic_slice"], compared, atol=1e-6, rtol=1e-5)
    assert float(found["right_slice"]) == pytest.approx(float((apart > 0).float().mean()))
    assert float(found["sign_slice"]) == pytest.approx(float(apart.sign().mean()), abs=1e-6)
    loss.backward()
    slope = -(torch.sigmoid(-apart)[:, None, None, None] * (step.images - fakes)).mean(dim=0) + 6.0 * weights
    torch.testing.assert_close(critic.weights.grad, slope, atol=1e-5, rtol=1e-4)


def test_penalties_are_of_the_images_before_the_augmentation():
    """The augmentation is A x + b; the slope of w (A x + b) by x is A' w, here with A written out pixel by pixel."""
    state = state_with(size=8, augmentation_flip=True)
    weights = 0.1 * normal(1, 8, 8)
    state.networks["critic"] = _Linear(weights)
    ranges = replace(state.recipe.augmentation_range, gamma=0.0)
    draw = draw_augmentation(ranges, 6, strength=1.0, generator=torch.Generator().manual_seed(5))
    assert 0 < int(draw.flipped.sum()) < 6
    step = _step(state, draw=draw, weight=1.0)
    critic_loss(step, WHOLE)
    squares = []
    for row in range(6):
        of_image = AugmentationDraw(*(part[row : row + 1].repeat_interleave(65, dim=0) for part in _parts(draw)))
        basis = torch.cat([torch.zeros(1, 64), torch.eye(64)]).view(65, 1, 8, 8)
        seen = augment_slices(basis, of_image).flatten(1)
        squares.append(float(((seen[1:] - seen[0]) @ weights.flatten()).square().sum()))
    assert float(step.means()["penalty_slice"]) == pytest.approx(sum(squares) / 6, rel=1e-4)
    assert max(squares) != pytest.approx(float(weights.square().sum()), rel=1e-2)


def _parts(draw: AugmentationDraw) -> tuple[Tensor, Tensor, Tensor]:
    return draw.matrix, draw.exponent, draw.flipped


def test_the_generators_loss_of_a_linear_critic_by_hand():
    state = state_with()
    weights = 0.1 * normal(1, 16, 16)
    state.networks["critic"] = _Linear(weights)
    step = _step(state)
    loss = generator_loss(step, WHOLE)
    fakes = state.networks["generator"](step.latents, step.labels)
    apart = ((step.images - fakes) * weights).flatten(1).sum(dim=1)
    torch.testing.assert_close(loss, functional.softplus(apart).mean(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(step.means()["generator_slice"], loss.detach())


@pytest.mark.parametrize("loss", [critic_loss, generator_loss])
def test_pieces_of_a_step_add_up_to_the_whole(loss):
    state = awake(state_with(columns=(2,)))
    draw = draw_augmentation(
        state.recipe.augmentation_range, 6, strength=1.0, generator=torch.Generator().manual_seed(1)
    )
    name = "critic" if loss is critic_loss else "generator"
    gradients, records = [], []
    for parts in (1, 4):
        step = _step(state, labels=[0, 1, -1, 1, 0, 0], draw=draw, weight=2.0)
        state.networks[name].zero_grad()
        for piece, share in Stepper(parts=parts).pieces(6):
            (loss(step, piece) * share).backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in state.networks[name].parameters()]))
        records.append(step.means())
    assert gradients[0].norm() > 1e-3
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-5, rtol=1e-4)
    assert records[0].keys() == records[1].keys()
    for key, value in records[0].items():
        torch.testing.assert_close(records[1][key], value, atol=1e-5, rtol=1e-4)


def test_the_critics_loss_gives_the_generator_no_gradient():
    state = state_with()
    critic_loss(_step(state, weight=1.0), WHOLE).backward()
    assert all(weight.grad is None for weight in state.networks["generator"].parameters())
    assert any(weight.grad.any() for weight in state.networks["critic"].parameters())
