"""Optimiser steps: batches cut into parts when memory is short, and steps that would poison the weights."""

from __future__ import annotations

import math

import pytest
import torch

from mrisynth.errors import MrisynthError
from mrisynth.models import family as family_named
from mrisynth.models.interface import Batch, Stage
from mrisynth.networks.hagan_generator import HaganGenerator
from mrisynth.training.steps import Stepper

IMAGES = 7


class Regression:
    """A small network, its optimiser, and a mean loss over a batch that fits only so many images at a time."""

    def __init__(self, *, fit: int | None = None, error: Exception | None = None) -> None:
        torch.manual_seed(0)
        self.network = torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=0.01)
        self.inputs, self.targets = torch.randn(IMAGES, 5), torch.randn(IMAGES, 1)
        self.fit, self.error, self.shown = fit, error or torch.OutOfMemoryError("out of memory"), []

    def loss(self, piece: slice) -> torch.Tensor:
        self.shown.append((piece.start, piece.stop))
        found = (self.network(self.inputs[piece]) - self.targets[piece]).square().mean()
        if self.fit is not None and piece.stop - piece.start > self.fit:
            if piece.start > 0:
                found.backward()  # what a pass that broke off left behind must be forgotten
            raise self.error
        return found

    def steps(self, stepper: Stepper, count: int) -> list[torch.Tensor]:
        for _ in range(count):
            assert stepper.step(self.loss, [self.optimiser], images=IMAGES)
        return [weight.detach().clone() for weight in self.network.parameters()]


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
@pytest.mark.parametrize(("fit", "parts"), [(4, 2), (3, 4), (2, 4), (1, 8)])
def test_a_batch_that_does_not_fit_is_cut_until_it_does_and_the_step_is_the_same(fit, parts, error):
    whole, cut, stepper = Regression(), Regression(fit=fit, error=error), Stepper()
    expected = whole.steps(Stepper(), 3)
    for found, weight in zip(cut.steps(stepper, 3), expected, strict=True):
        torch.testing.assert_close(found, weight, atol=1e-6, rtol=0)
    assert stepper.parts == parts
    last = cut.shown[-min(parts, IMAGES) :]
    assert [stop for _, stop in last[:-1]] == [start for start, _ in last[1:]]  # each image once, in order
    assert (last[0][0], last[-1][1]) == (0, IMAGES)


def test_parts_that_were_found_are_kept_for_the_next_steps():
    cut, stepper = Regression(fit=4), Stepper()
    cut.steps(stepper, 1)
    cut.shown.clear()
    cut.steps(stepper, 1)
    assert cut.shown == [(0, 3), (3, 7)]


@pytest.mark.fault(19)
def test_gradients_of_the_parts_add_up_to_those_of_the_batch():
    found = []
    for parts in (1, 3):
        regression = Regression()
        kept: list[torch.Tensor] = []
        weights = list(regression.network.parameters())
        regression.optimiser.step = lambda kept=kept, weights=weights: kept.extend(w.grad.clone() for w in weights)
        regression.steps(Stepper(parts=parts), 1)
        found.append(kept)
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=0)


@pytest.mark.fault(19)
def test_a_single_image_that_does_not_fit_is_an_error_that_says_what_to_do():
    regression = Regression(fit=0)
    with pytest.raises(MrisynthError, match="single image at a time; train a smaller size or width"):
        Stepper().step(regression.loss, [regression.optimiser], images=IMAGES)
    assert not regression.optimiser.state


def test_other_errors_pass_through():
    regression = Regression(fit=3, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    stepper = Stepper()
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        stepper.step(regression.loss, [regression.optimiser], images=IMAGES)
    assert stepper.parts == 1


@pytest.mark.fault(17)
@pytest.mark.parametrize(
    "loss_of",
    [
        lambda weight: (weight * math.inf).sum(),
        lambda weight: (weight * math.nan).sum(),
        lambda weight: weight.sqrt().sum() * 0,  # a loss of 0 with a gradient that is no number
    ],
    ids=["infinite", "not a number", "gradient"],
)
def test_a_step_that_is_not_finite_leaves_weights_and_optimiser_alone(loss_of):
    weight = torch.nn.Parameter(torch.tensor([0.0, 2.0]))
    optimiser, stepper = torch.optim.Adam([weight], lr=0.1), Stepper()
    assert not stepper.step(lambda piece: loss_of(weight), [optimiser], images=1)
    assert weight.tolist() == [0.0, 2.0]
    assert not optimiser.state
    assert weight.grad is None
    assert stepper.step(lambda piece: weight.sum(), [optimiser], images=1)
    moments = {name: value.clone() for name, value in optimiser.state[weight].items()}
    assert not stepper.step(lambda piece: loss_of(weight), [optimiser], images=1)
    assert weight.tolist() == pytest.approx([-0.1, 1.9])
    assert all(torch.equal(value, moments[name]) for name, value in optimiser.state[weight].items())


def test_one_bad_part_spoils_the_step():
    regression, stepper = Regression(), Stepper(parts=2)
    before = [weight.detach().clone() for weight in regression.network.parameters()]
    regression.targets[-1] = math.inf
    assert not stepper.step(regression.loss, [regression.optimiser], images=IMAGES)
    assert all(torch.equal(one, two) for one, two in zip(before, regression.network.parameters(), strict=True))


@pytest.mark.fault(19)
@pytest.mark.parametrize("family", ["hagan", "wgp_hagan"])
def test_an_update_that_ran_out_of_memory_is_the_undisturbed_update(family, small_recipe, monkeypatch):
    """With conditions of which one is missing, a penalty, and everything that is drawn for an update."""
    settings = {"groups": 1, "encoders": "attached", "critic_steps": 2}
    recipe = small_recipe(family, settings=settings, batch_size=3, augmentation="fixed")
    plain = HaganGenerator.forward

    def small_memory(self, latents, labels, **options):
        if len(latents) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return plain(self, latents, labels, **options)

    updated = []
    for forward in (plain, small_memory):
        monkeypatch.setattr(HaganGenerator, "forward", forward)
        member = family_named(family)
        state = member.build(recipe, columns=[2], seed=1, device="cpu")
        state.augmentation = 0.5
        torch.manual_seed(0)
        images = torch.rand(3, 1, 32, 32, 32) * 2 - 1
        batches = [Batch(images=images, labels=torch.tensor([0, -1, 1]))] * 2
        random = torch.Generator().manual_seed(3)
        losses = member.update(state, batches, stage=Stage(name="adversarial"), step=0, progress=0.0, generator=random)
        updated.append((state, losses))
    (undisturbed, expected), (disturbed, found) = updated
    assert (undisturbed.stepper.parts, disturbed.stepper.parts) == (1, 4)
    assert found["skipped"] == 0
    assert {k: float(v) for k, v in found.items()} == pytest.approx(
        {k: float(v) for k, v in expected.items()}, abs=1e-4
    )
    for name, network in undisturbed.networks.items():
        weights = disturbed.networks[name].state_dict()
        apart = torch.cat([(weights[key] - weight).abs().flatten() for key, weight in network.state_dict().items()])
        assert (apart > 1e-5).float().mean() < 1e-3, name  # Adam makes much of rounding where a gradient cancels
        assert apart.mean() < 1e-7, name
        assert apart.max() < 1e-4, name
