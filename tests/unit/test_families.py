"""Families by their one interface: build, update, sample."""

from __future__ import annotations

import pytest
import torch

from mrisynth.errors import ConfigError
from mrisynth.models import FAMILIES, family
from mrisynth.models.interface import Batch
from mrisynth.recipes import ModelRecipe

SMALL = {"width": 8, "latent": 8}


def _recipe(name: str, **changes) -> ModelRecipe:
    recipe = {"name": "model", "family": name, "condition": "none", "size": 32, "batch_size": 2} | changes
    recipe.setdefault("family_recipe", SMALL)
    return ModelRecipe(**{"images_total": 8, "images_per_chunk": 8} | recipe)


def _update(recipe: ModelRecipe, *, classes: int, labels: list[int]) -> tuple[dict, dict, dict]:
    member = family(recipe.family)
    state = member.build(recipe, classes=classes, seed=1, device="cpu")
    before = {
        f"{name}.{key}": weight.detach().clone()
        for name, network in state.networks.items()
        for key, weight in network.named_parameters()
    }
    torch.manual_seed(0)
    images = torch.rand(2, 1, *[recipe.size] * 3) * 2 - 1
    batches = [Batch(images=images, labels=torch.tensor(labels))] * member.batches_per_update(recipe)
    stage = member.stages(recipe)[0]
    losses = member.update(state, batches, stage=stage, step=0, generator=torch.Generator().manual_seed(3))
    after = {
        f"{name}.{key}": weight.detach()
        for name, network in state.networks.items()
        for key, weight in network.named_parameters()
    }
    return losses, before, after


@pytest.mark.parametrize("size", [32, 64, 96])
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_one_update_moves_every_network(name, size):
    losses, before, after = _update(_recipe(name, size=size), classes=0, labels=[-1, -1])
    assert losses.pop("skipped") == 0
    assert set(losses) == {"critic_high", "critic_low", "generator_high", "generator_low"}
    assert all(torch.isfinite(loss) for loss in losses.values())
    moved = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert moved == {"generator", "critic_high", "critic_low"}


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_an_update_with_classes_in_bf16(name):
    recipe = _recipe(name, precision="bf16", family_recipe=SMALL | {"critic_steps": 2, "generator_steps": 2})
    losses, *_ = _update(recipe, classes=3, labels=[2, -1])
    assert losses["skipped"] == 0
    assert {"class_high", "class_low"} <= set(losses)
    assert all(loss.dtype == torch.float32 for loss in losses.values())


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_missing_labels_teach_no_class(name):
    losses, before, after = _update(_recipe(name), classes=2, labels=[-1, -1])
    assert losses["class_high"] == 0
    assert torch.equal(before["critic_high.label.bias"], after["critic_high.label.bias"]) or name == "hagan"
    rows = "generator.embedding.weight"
    assert torch.equal(before[rows][:2], after[rows][:2])
    assert not torch.equal(before[rows][2], after[rows][2])


def test_an_update_depends_on_its_generator_alone():
    first, *_ = _update(_recipe("wgp_hagan"), classes=0, labels=[-1, -1])
    torch.rand(5)
    second, *_ = _update(_recipe("wgp_hagan"), classes=0, labels=[-1, -1])
    assert {key: float(value) for key, value in first.items()} == {key: float(value) for key, value in second.items()}


def test_building_leaves_the_random_state_of_torch_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    family("hagan").build(_recipe("hagan"), classes=0, seed=1, device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_unknown_families_and_settings_are_named():
    with pytest.raises(ConfigError, match=r"no family 'gan'; there are hagan, wgp_hagan"):
        family("gan")
    with pytest.raises(ConfigError, match=r"models\.model\.recipe: hagan has no setting gradient_penalty"):
        family("hagan").build(
            _recipe("hagan", family_recipe={"gradient_penalty": 1.0}), classes=0, seed=1, device="cpu"
        )


def test_settings_of_the_families_differ_where_their_methods_do():
    hagan, wgp = family("hagan").settings(_recipe("hagan")), family("wgp_hagan").settings(_recipe("wgp_hagan"))
    assert hagan.spectral_norm
    assert not wgp.spectral_norm
    assert (wgp.gradient_penalty, wgp.high_weight, wgp.critic_steps) == (10.0, 4.0, 1)
