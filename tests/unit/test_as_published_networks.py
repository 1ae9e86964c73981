"""The presets as_published against a plain statement of the originals: counts, shapes, outputs, losses, order of updates.

The plain statement (benchmarks/published.py, published_steps.py) was written from the description of the originals,
without a look at mrisynth's networks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from mrisynth.models import family as family_named
from mrisynth.models import hagan
from mrisynth.models.hagan_losses import critic_loss, generator_loss, global_encoder_loss, slab_encoder_loss
from mrisynth.models.hagan_step import Step
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.recipes import ModelRecipe
from mrisynth.training.steps import Stepper

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NETWORKS = {"generator": "g", "critic_high": "d_h", "critic_low": "d_l", "encoder_slab": "e_h", "encoder_global": "e_g"}
AUTHORS, IXI, WGP = ("hagan", "as_published"), ("hagan", "as_published_ixi"), ("wgp_hagan", "as_published")
PLAIN = {AUTHORS: "HaGan", IXI: "IxiHagan", WGP: "WgpHagan"}
SIZE, WIDTH, BATCH = 64, 8, 2  # of what is computed; counts and shapes are taken at the published width
CONDITION = (2, 3)  # sex, age tercile
LEAVES = (nn.Linear, nn.Conv3d, nn.GroupNorm, nn.Embedding)

# Counted from the published layers: G, D^H, D^L, E^H, E^G without a condition.
COUNTS = {
    (AUTHORS, 256): (52_518_210, 4_630_833, 2_771_425, 161_152, 19_663_264),
    (AUTHORS, 128): (52_518_210, 4_599_073, 2_642_369, 161_152, 19_663_168),
    (IXI, 256): (52_518_210, 4_632_817, 2_771_425, 161_152, 19_663_264),
    (IXI, 128): (52_518_210, 4_601_057, 2_642_369, 161_152, 19_663_168),
    (WGP, 256): (52_518_210, 4_632_817, 2_771_425, 161_152, 19_663_264),
    (WGP, 128): (52_518_210, 4_601_057, 2_642_369, 161_152, 19_663_168),
}


@dataclass(frozen=True)
class Reference:
    networks: ModuleType
    steps: ModuleType
    trial: ModuleType

    def training(self, preset: tuple[str, str], **options):
        return getattr(self.steps, PLAIN[preset])(**{"size": SIZE, "width": WIDTH, **options})

    def recipe(self, preset: tuple[str, str], *, size: int = SIZE, **settings) -> ModelRecipe:
        family, name = preset
        return self.trial.recipe_of(family, preset=name, size=size, batch=BATCH, precision="fp32", **settings)


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import published
        import published_steps
        import trial
    finally:
        sys.path.remove(str(BENCHMARKS))
    yield Reference(published, published_steps, trial)
    for name in ("published", "published_steps", "trial", "measure"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("preset", PLAIN, ids="-".join)
@pytest.mark.parametrize("size", [128, 256])
def test_parameters_are_as_many_as_published(reference, preset, size):
    assert _counts(reference, preset, size) == COUNTS[preset, size]


def test_parameters_are_those_that_the_paper_counts():
    millions = [round(count / 1e6, 2) for count in COUNTS[AUTHORS, 256]]
    assert millions == [52.52, 4.63, 2.77, 0.16, 19.66]
    assert round(sum(COUNTS[AUTHORS, 128][1:3]) / 1e6, 2) == 7.24


@pytest.mark.parametrize("preset", PLAIN, ids="-".join)
@pytest.mark.parametrize(("size", "columns"), [(64, ()), (64, CONDITION), (128, CONDITION), (256, CONDITION)])
def test_parameters_are_as_many_as_in_the_plain_networks(reference, preset, size, columns):
    with torch.device("meta"):
        plain = reference.training(preset, size=size, width=64, columns=columns, device="meta")
    expected = tuple(reference.networks.parameters(getattr(plain, short)) for short in NETWORKS.values())
    assert _counts(reference, preset, size, columns=columns) == expected


@pytest.mark.parametrize("preset", PLAIN, ids="-".join)
@pytest.mark.parametrize(("size", "slab", "low"), [(128, 16, 32), (256, 32, 64)])
def test_shapes_are_as_published(reference, preset, size, slab, low):
    networks = _untrained(reference, preset, size, columns=CONDITION)
    with torch.device("meta"), torch.no_grad():
        latents, labels = torch.empty(BATCH, 1024), torch.empty(BATCH, dtype=torch.int64)
        slabs, volumes = networks["generator"](latents, labels, slab_starts=[0, 3])
        whole, _ = networks["generator"](latents, labels)
        features = networks["generator"].shared_features(latents, labels)
        scores, logits = networks["critic_high"](slabs, slab_starts=[0, 3])
        low_scores, low_logits = networks["critic_low"](volumes)
        assert networks["encoder_slab"](slabs).shape == (BATCH, 64, slab // 4, low, low)
        assert networks["encoder_global"](features).shape == (BATCH, 1024)
    assert (slabs.shape, volumes.shape) == ((BATCH, 1, slab, size, size), (BATCH, 1, low, low, low))
    assert (whole.shape, features.shape) == ((BATCH, 1, size, size, size), (BATCH, 64, low, low, low))
    assert scores.shape == low_scores.shape == (BATCH,)
    assert logits.shape == low_logits.shape == (BATCH, 6)


@pytest.mark.parametrize("preset", PLAIN, ids="-".join)
@pytest.mark.parametrize("columns", [(), CONDITION], ids=["unconditional", "conditional"])
def test_outputs_are_those_of_the_plain_networks(reference, preset, columns):
    plain, state = _pair(reference, preset, columns=columns)
    images, latents, labels = _inputs(columns)
    networks, start = state.networks, 12
    with torch.no_grad():
        features = plain.g.features(latents, labels)
        slab, low = plain.g(latents, labels, start=start)
        _same(networks["generator"].shared_features(latents, labels), features)
        for made, expected in zip(networks["generator"](latents, labels, slab_starts=[3, 3]), (slab, low), strict=True):
            _same(made, expected)
        whole, _ = plain.g(latents, labels)
        _same(networks["generator"](latents, labels)[0], whole)
        assert not torch.allclose(whole[:, :, 12:20], slab, atol=1e-3)  # as published: a slab is not that of the volume
        for one, two in (
            (networks["critic_high"](slab, slab_starts=[3, 3]), plain.d_h(slab, start)),
            (networks["critic_low"](low), plain.d_l(low)),
        ):
            _same(one[0], two[0][:, 0])
            assert (one[1] is None) == (two[1] is None) == (not columns)
            if columns:
                _same(one[1], two[1])
        piece = images[:, :, start : start + 8]
        _same(networks["encoder_slab"](piece), plain.e_h(piece))
        _same(networks["encoder_global"](features), plain.e_g(features))


@pytest.mark.parametrize("preset", PLAIN, ids="-".join)
@pytest.mark.parametrize("columns", [(), CONDITION], ids=["unconditional", "conditional"])
def test_losses_are_those_of_the_plain_step(reference, preset, columns):
    plain, state = _pair(reference, preset, columns=columns)
    images, latents, labels = _inputs(columns)
    start = 14 if preset == AUTHORS else 12  # the authors' slabs also begin between two slices of A
    step = _step(state, images, latents, labels, start=start)
    all_of_it = slice(0, BATCH)
    shown = images if preset == AUTHORS else (images + 1) / 2  # the IXI project's volumes are in [0, 1]
    options = {"mixing": torch.stack([step.mix, step.mix])} if preset == WGP else {}
    expected = plain.critic_loss(shown, latents, start, labels if columns else None, **options)
    _same(critic_loss(step, all_of_it).detach(), expected.detach())
    expected = plain.generator_loss(latents, start, labels if columns else None)
    _same(generator_loss(step, all_of_it).detach(), expected.detach())
    _same(slab_encoder_loss(step, all_of_it).detach(), plain.slab_encoder_loss(shown, start).detach())
    expected = plain.whole_encoder_loss(shown, start, labels if columns else None)
    _same(global_encoder_loss(step, all_of_it).detach(), expected.detach())


@pytest.mark.parametrize("preset", PLAIN, ids="-".join)
def test_rates_are_as_published(reference, preset):
    plain, state = _pair(reference, preset, columns=())
    optimisers = {"generator": "g", "critics": "d", "encoder_slab": "e_h", "encoder_global": "e_g"}
    for name, short in optimisers.items():
        expected = getattr(plain, f"{short}_optimiser").param_groups[0]
        found = state.optimisers[name].param_groups[0]
        assert (found["lr"], found["betas"], found["eps"]) == (expected["lr"], expected["betas"], expected["eps"])
        assert found["weight_decay"] == 0
    assert (state.recipe.ema_half_life_images, state.recipe.augmentation) == (0, "none")


@pytest.mark.parametrize(
    ("preset", "order"),
    [
        (AUTHORS, ["critics", "generator", "encoder_slab", "encoder_global"]),
        (IXI, ["critics", "generator"]),
        (WGP, ["critics", *["generator"] * 5]),
    ],
    ids=["authors", "ixi", "wgp"],
)
def test_updates_come_in_the_published_order(reference, preset, order, monkeypatch):
    recipe = reference.recipe(preset, width=WIDTH)
    family = family_named(recipe.family)
    state = family.build(recipe, columns=(), seed=1, device="cpu")
    taken: list[str] = []
    drawn: list[Step] = []

    class Recording(Stepper):
        def step(self, loss_of, optimisers, *, images):
            taken.extend(name for name, known in state.optimisers.items() if any(known is one for one in optimisers))
            return super().step(loss_of, optimisers, images=images)

    for loss in (critic_loss, generator_loss):
        monkeypatch.setattr(
            hagan, loss.__name__, lambda step, piece, loss=loss: drawn.append(step) or loss(step, piece)
        )
    state.stepper = Recording()
    images, _, labels = _inputs(())
    assert family.batches_per_update(recipe, family.stages(recipe)[0]) == 1
    batches, random = [Batch(images=images, labels=labels)], torch.Generator().manual_seed(1)
    family.update(state, batches, stage=Stage(name="adversarial"), step=0, progress=0.0, generator=random)
    assert taken == order
    first = drawn[0]
    assert {tuple(step.starts) for step in drawn} == {tuple(first.starts)}  # one slab for the whole update
    assert len(set(first.starts)) == 1
    again = [torch.equal(step.latents, first.latents) for step in drawn[1:]]
    if preset == AUTHORS:
        assert not any(again)
    if preset == WGP:
        assert all(again)


def _counts(reference, preset, size, *, columns=()) -> tuple[int, ...]:
    networks = _untrained(reference, preset, size, columns=columns)
    return tuple(reference.networks.parameters(networks[name]) for name in NETWORKS)


def _untrained(reference, preset, size, *, columns) -> dict[str, nn.Module]:
    """All five networks at the published width, without memory for their weights."""
    recipe = reference.recipe(preset, size=size)
    family = family_named(recipe.family)
    with torch.device("meta"):
        return {name: family.network(name, recipe, columns=columns, seed=1) for name in NETWORKS}


def _pair(reference, preset, *, columns):
    """The plain training and ours with the same weights, in evaluation: spectral norms stand still."""
    torch.manual_seed(1)
    plain = reference.training(preset, columns=columns)
    plain.d_h(torch.randn(1, 1, 8, 64, 64), 0)  # in training a forward pass moves the vectors of the spectral norms
    plain.d_l(torch.randn(1, 1, 16, 16, 16))
    encoders = {} if preset == AUTHORS else {"encoders": "detached"}
    recipe = reference.recipe(preset, width=WIDTH, **encoders)
    state = family_named(recipe.family).build(recipe, columns=columns, seed=1, device="cpu")
    for name, short in NETWORKS.items():
        _copy(getattr(plain, short).eval(), state.networks[name].eval())
    return plain, state


def _copy(plain: nn.Module, ours: nn.Module) -> None:
    """Copy weights (and the vectors of spectral norms) layer by layer in the order of the forward pass."""
    one, two = list(_layers(plain)), [module for module in ours.modules() if isinstance(module, LEAVES)]
    assert [type(layer) for layer in one] == [_base(layer) for layer in two]
    with torch.no_grad():
        for source, target in zip(one, two, strict=True):
            if getattr(source, "bias", None) is not None:
                target.bias.copy_(source.bias)
            if hasattr(target, "parametrizations"):
                target.parametrizations.weight.original.copy_(source.weight_orig)
                target.parametrizations.weight[0]._u.copy_(source.weight_u)
                target.parametrizations.weight[0]._v.copy_(source.weight_v)
            else:
                assert not hasattr(source, "weight_orig")
                target.weight.copy_(source.weight)


def _base(layer: nn.Module) -> type:
    return next(kind for kind in LEAVES if isinstance(layer, kind))


def _layers(plain: nn.Module) -> Iterator[nn.Module]:
    """The plain networks' layers in the order of the forward pass, a condition's first."""
    names = [name for name in ("embedding", "embedding_fc", "fc") if hasattr(plain, name)]
    yield from (getattr(plain, name) for name in names)
    convs = getattr(plain, "a_convs", getattr(plain, "convs", ()))
    norms = getattr(plain, "a_norms", getattr(plain, "norms", [None] * len(convs)))
    for conv, norm in zip(convs, norms, strict=True):
        yield from (layer for layer in (conv, norm) if layer is not None)
    yield from getattr(plain, "hidden", ())
    ending = ("l_conv1", "l_norm1", "l_conv2", "l_norm2", "l_conv3", "h_conv1", "h_norm1", "h_conv2")
    ending += ("conv1", "norm1", "conv2", "norm2", "conv3", "norm3", "logit", "class_logits", "last")
    yield from (getattr(plain, name) for name in ending if getattr(plain, name, None) is not None)


def _inputs(columns) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    images = torch.rand(BATCH, 1, SIZE, SIZE, SIZE, generator=generator) * 2 - 1
    latents = torch.randn(BATCH, 1024, generator=generator)
    return images, latents, torch.tensor([1, 5] if columns else [-1, -1])


def _step(state: State, images, latents, labels, *, start: int) -> Step:
    settings = family_named(state.recipe.family).settings(state.recipe)
    batch = Batch(images=images, labels=labels)
    mix = torch.tensor([0.3, 0.8])
    return Step(state=state, settings=settings, batch=batch, starts=[start] * BATCH, latents=latents, mix=mix)


def _same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found.float(), expected.float(), atol=1e-4, rtol=1e-4)
