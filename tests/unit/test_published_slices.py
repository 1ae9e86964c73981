"""PACGAN as published against the plain statement of its step in benchmarks/published_slices.py: outputs and losses."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from mrisynth.models.pacgan import Pacgan
from mrisynth.models.pacgan_settings import AS_PUBLISHED
from mrisynth.models.slice_losses import critic_loss, generator_loss
from mrisynth.models.slice_step import SliceStep
from mrisynth.recipes import ModelRecipe

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
LEAVES = (nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)
SIZE, WIDTH, BATCH = 16, 32, 4


@pytest.fixture(scope="module")
def published() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("published_slices")
    sys.path.remove(str(BENCHMARKS))


def _ours(*, size: int = SIZE, width: int = WIDTH):
    """Return the state of a model at its last level, without layers of other levels: it begins there."""
    settings = AS_PUBLISHED | {"width": width, "first_level": size, "level_batch_sizes": [], "level_critic_steps": []}
    recipe = ModelRecipe(
        name="m", family="pacgan", condition="group", size=size, batch_size=BATCH, images_total=8, images_per_chunk=8,
        dimensions=2, family_recipe=settings,
    )  # fmt: skip
    return Pacgan().build(recipe, columns=(2,), seed=1, device="cpu"), Pacgan().settings(recipe)


def _leaves(network: nn.Module, *, skipped: str) -> list[nn.Module]:
    """Return the layers with weights in order of use; of those of single levels, the last level's alone."""
    found = []
    for name, module in network.named_modules():
        levels = sum(other.startswith(f"{skipped}.") for other, _ in network.named_modules())
        if isinstance(module, LEAVES) and (not name.startswith(skipped) or name == f"{skipped}.{levels - 1}"):
            found.append(module)
    return found


@pytest.fixture
def both(published):
    """Return our state and settings, and the plain training with the same weights."""
    state, settings = _ours()
    plain = published.Pacgan(SIZE, width=WIDTH)
    generator = _leaves(state.networks["generator"], skipped="to_image")
    critic = _leaves(state.networks["critic"], skipped="from_image")
    blocks = critic[1:5][2:] + critic[1:5][:2]  # ours are listed from 4 x 4 upwards
    critic = [critic[0], *blocks, *critic[5:]]
    for ours, theirs in ((generator, plain.generator), (critic, plain.critic)):
        copies = [module for module in theirs.modules() if isinstance(module, LEAVES)]
        for ones, copy in zip(ours, copies, strict=True):
            copy.load_state_dict(ones.state_dict())
    return state, settings, plain


def _step(state, settings) -> SliceStep:
    random = torch.Generator().manual_seed(3)
    return SliceStep(
        state=state, settings=settings, images=torch.rand(BATCH, 1, SIZE, SIZE, generator=random) * 2 - 1,
        labels=torch.tensor([0, 1, 1, 0]), inputs={"latents": torch.randn(BATCH, 512, generator=random)},
        mix=torch.rand(BATCH, generator=random),
    )  # fmt: skip


def _slopes(network: nn.Module) -> float:
    return float(sum(weight.grad.square().sum() for weight in network.parameters() if weight.grad is not None))


def test_the_plain_statement_counts_as_published(published):
    plain = published.Pacgan(256)
    counts = [sum(weight.numel() for weight in part.parameters()) for part in (plain.generator, plain.critic)]
    assert [round(count / 1e6, 1) for count in counts] == [13.7, 16.1]


def test_images_are_the_same(both):
    state, settings, plain = both
    step = _step(state, settings)
    images = plain.generator(step.inputs["latents"][:, :, None, None], step.labels)
    torch.testing.assert_close(
        state.networks["generator"](labels=step.labels, **step.inputs), images, atol=1e-5, rtol=0
    )


def test_the_critics_loss_and_its_gradient_are_the_same(both):
    state, settings, plain = both
    step, everything = _step(state, settings), slice(0, BATCH)
    ours = critic_loss(step, everything)
    fakes = plain.generator(step.inputs["latents"][:, :, None, None], step.labels).detach()
    theirs, logits = plain.critic_loss(step.images, fakes, step.labels, mixing=step.mix.view(-1, 1, 1, 1))
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)
    assert logits.shape == (BATCH, 2)
    ours.backward()
    theirs.backward()
    assert _slopes(state.networks["critic"]) == pytest.approx(_slopes(plain.critic), rel=1e-3)


def test_the_generators_loss_and_its_gradient_are_the_same_but_for_what_has_no_gradient(both):
    state, settings, plain = both
    step = _step(state, settings)
    ours = generator_loss(step, slice(0, BATCH))
    fakes = plain.generator(step.inputs["latents"][:, :, None, None], step.labels)
    theirs = plain.generator_loss(step.images, fakes, step.labels)
    _, of_reals = plain.critic(step.images)
    wasted = 2.0 * nn.functional.cross_entropy(of_reals, step.labels)
    torch.testing.assert_close(ours, theirs - wasted, atol=1e-3, rtol=1e-4)
    ours.backward()
    theirs.backward()
    assert _slopes(state.networks["generator"]) == pytest.approx(_slopes(plain.generator), rel=1e-3)


def test_one_iteration_updates_and_logs(both):
    _, _, plain = both
    before = [weight.detach().clone() for weight in plain.generator.parameters()]
    batches = [(torch.rand(BATCH, 1, SIZE, SIZE), torch.tensor([0, 1, 1, 0])) for _ in range(2)]
    plain.step(batches)
    assert all(not torch.equal(*pair) for pair in zip(before, plain.generator.parameters(), strict=True))
    assert {name: len(values) for name, values in plain.log.items()} == {
        "critic": 2, "generator": 1, "predicted": 8, "label": 8,
    }  # fmt: skip


def test_batches_hold_each_image_once_an_epoch(published):
    import numpy as np

    images = np.arange(6, dtype=np.float32)[:, None, None, None] * np.ones((6, 1, 2, 2), np.float32)
    batches = published.endless(images, np.arange(6) % 2, batch=3)
    shown = [next(batches) for _ in range(2)]
    values = torch.cat([part[0][:, 0, 0, 0] for part in shown])
    labels = torch.cat([part[1] for part in shown])
    assert sorted(values.tolist()) == list(range(6))
    assert torch.equal(labels, values.long() % 2)
