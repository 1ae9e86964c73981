"""Families by their one interface: build, update, sample; what of their settings excludes each other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mrisynth.errors import ConfigError
from mrisynth.models import VOLUME_FAMILIES, family, hagan
from mrisynth.models.hagan_losses import global_encoder_loss
from mrisynth.models.hagan_step import Step
from mrisynth.models.interface import Batch, State
from mrisynth.recipes import ModelRecipe

SMALL = {"width": 8, "latent": 8}
ADVERSARIAL = {f"{kind}_{branch}" for kind in ("critic", "generator", "right", "sign") for branch in ("high", "low")}


def _recipe(name: str, **changes) -> ModelRecipe:
    recipe = {"name": "model", "family": name, "condition": "none", "size": 32, "batch_size": 2} | changes
    recipe["family_recipe"] = SMALL | recipe.get("family_recipe", {})
    return ModelRecipe(**{"images_total": 8, "images_per_chunk": 8} | recipe)


def _weights(state: State) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": weight.detach().clone()
        for name, network in state.networks.items()
        for key, weight in network.named_parameters()
    }


def _update(recipe: ModelRecipe, *, labels: list[int], columns: tuple[int, ...] = (), step: int = 0):
    """Return the losses of one update, all weights before it and after it, and the state."""
    member = family(recipe.family)
    state = member.build(recipe, columns=columns, seed=1, device="cpu")
    before = _weights(state)
    torch.manual_seed(0)
    images = torch.rand(2, 1, *[recipe.size] * 3) * 2 - 1
    batches = [Batch(images=images, labels=torch.tensor(labels))] * member.batches_per_update(
        recipe, member.stages(recipe)[0]
    )
    stage = member.stages(recipe)[0]
    losses = member.update(
        state, batches, stage=stage, step=step, progress=0.0, generator=torch.Generator().manual_seed(3)
    )
    return losses, before, _weights(state), state


@pytest.mark.parametrize("size", [32, 64, 96])
@pytest.mark.parametrize("name", sorted(VOLUME_FAMILIES))
def test_one_update_moves_every_network(name, size):
    losses, before, after, _ = _update(_recipe(name, size=size), labels=[-1, -1])
    assert losses.pop("skipped") == 0
    assert set(losses) == ADVERSARIAL | {"consistency", "alike"}
    assert all(torch.isfinite(loss) for loss in losses.values())
    moved = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert moved == {"generator", "critic_high", "critic_low"}


@pytest.mark.parametrize("name", sorted(VOLUME_FAMILIES))
def test_an_update_with_classes_in_bf16(name):
    recipe = _recipe(name, precision="bf16", family_recipe={"critic_steps": 2, "generator_steps": 2})
    losses, *_ = _update(recipe, columns=(3,), labels=[2, -1])
    assert losses["skipped"] == 0
    assert {"class_high", "class_low"} <= set(losses)
    assert all(loss.dtype == torch.float32 for loss in losses.values())


@pytest.mark.parametrize("name", sorted(VOLUME_FAMILIES))
def test_missing_labels_teach_no_class(name):
    losses, before, after, _ = _update(_recipe(name), columns=(2,), labels=[-1, -1])
    assert losses["class_high"] == losses["class_low"] == 0
    assert torch.equal(before["critic_high.label.bias"], after["critic_high.label.bias"])
    rows = "generator.condition.table.weight"
    assert torch.equal(before[rows][:2], after[rows][:2])
    assert not torch.equal(before[rows][2], after[rows][2])


def test_an_update_depends_on_its_generator_alone():
    first, *_ = _update(_recipe("wgp_hagan"), labels=[-1, -1])
    torch.rand(5)
    second, *_ = _update(_recipe("wgp_hagan"), labels=[-1, -1])
    assert {key: float(value) for key, value in first.items()} == {key: float(value) for key, value in second.items()}


def test_building_leaves_the_random_state_of_torch_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    family("hagan").build(_recipe("hagan"), columns=(), seed=1, device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_detached_encoders_learn_and_leave_the_generator_alone():
    plain = _update(_recipe("hagan"), labels=[-1, -1])[2]
    losses, before, after, state = _update(_recipe("hagan", family_recipe={"encoders": "detached"}), labels=[-1, -1])
    assert {"reconstruction_slab", "reconstruction_global"} <= set(losses)
    assert set(state.optimisers) == {"generator", "critics", "encoder_slab", "encoder_global"}
    moved = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert {"encoder_slab", "encoder_global"} <= moved
    assert all(torch.equal(after[key], weight) for key, weight in plain.items())


def test_reconstruction_reaches_the_generator_through_attached_encoders():
    detached = _update(_recipe("hagan", family_recipe={"encoders": "detached"}), labels=[-1, -1])[2]
    attached = _update(_recipe("hagan", family_recipe={"encoders": "attached"}), labels=[-1, -1])[2]
    differ = {key for key in detached if not torch.equal(detached[key], attached[key])}
    assert {"generator.high.last.weight", "generator.start.weight", "generator.low.0.0.weight"} <= differ
    assert not [key for key in differ if key.startswith("critic")]


def test_a_finished_model_consists_of_its_generator_and_its_encoders():
    member = family("hagan")
    assert member.exported(_recipe("hagan")) == ["generator"]
    with_encoders = _recipe("hagan", family_recipe={"encoders": "detached"})
    assert member.exported(with_encoders) == ["generator", "encoder_slab", "encoder_global"]


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ("each_image", lambda starts: len(set(starts)) > 1 and all(start % 4 == 0 for start in starts)),
        ("shared", lambda starts: len(set(starts)) == 1 and starts[0] % 4 == 0),
        ("shared_not_last", lambda starts: len(set(starts)) == 1 and starts[0] % 4 == 0 and starts[0] < 24),
        ("unaligned", lambda starts: len(set(starts)) == 1),
    ],
)
def test_slabs_begin_where_they_may(positions, expected):
    settings = family("hagan").settings(_recipe("hagan", family_recipe={"positions": positions}))
    all_starts = [
        hagan._starts(settings, positions=7, images=8, random=torch.Generator().manual_seed(seed)) for seed in range(60)
    ]
    assert all(expected(starts) for starts in all_starts)
    reached = {start for starts in all_starts for start in starts}
    assert min(reached) == 0
    assert max(reached) == {"shared_not_last": 20}.get(positions, 24)  # 24 is the last slab of 8 in 32
    assert (positions == "unaligned") == any(start % 4 for start in reached)


def test_unknown_families_and_settings_are_named():
    with pytest.raises(ConfigError, match=r"no family 'gan'; there are hagan, latent_diffusion, mrgen, mssg, pacgan"):
        family("gan")
    with pytest.raises(ConfigError, match=r"models\.model\.recipe: hagan has no setting gradient_penalty"):
        family("hagan").settings(_recipe("hagan", family_recipe={"gradient_penalty": 1.0}))


@pytest.mark.parametrize(
    ("settings", "changes", "key"),
    [
        ({"branches": "averaged"}, {}, "penalty: none"),
        ({"trained_part": "high", "encoders": "attached"}, {}, "encoders: none"),
        ({"data_range": "unit"}, {"augmentation": "ramp"}, "data_range: signed"),
    ],
)
@pytest.mark.parametrize("name", sorted(VOLUME_FAMILIES))
def test_settings_that_exclude_each_other_are_named(name, settings, changes, key):
    recipe = _recipe(name, family_recipe=settings, **changes)
    with pytest.raises(ConfigError, match=rf"models\.model\.recipe: .*set {key}\.$") as caught:
        family(name).build(recipe, columns=(), seed=1, device="cpu")
    assert "\n" not in str(caught.value)
    assert next(iter(settings)) in str(caught.value)


def test_settings_of_the_families_differ_where_their_methods_do():
    plain, wgp = family("hagan").settings(_recipe("hagan")), family("wgp_hagan").settings(_recipe("wgp_hagan"))
    assert (plain.loss, plain.penalty, plain.penalty_weight) == ("relativistic", "zero_centred", 1.0)
    assert (wgp.loss, wgp.penalty, wgp.penalty_weight) == ("wasserstein", "slope_one", 10.0)
    assert (wgp.high_weight, wgp.critic_steps) == (4.0, 1)
    assert plain.spectral_norm == wgp.spectral_norm == "none"


def test_the_global_encoder_also_finds_latents_again():
    recipe = _recipe("hagan", family_recipe=SMALL | {"encoders": "attached", "latent_weight": 0.5})
    member = family("hagan")
    state = member.build(recipe, columns=[], seed=1, device="cpu")
    batch = Batch(images=torch.rand(2, 1, 32, 32, 32) * 2 - 1, labels=torch.tensor([-1, -1]))
    step = Step(
        state=state, settings=member.settings(recipe), batch=batch, starts=[0, 8], latents=torch.randn(2, 8),
        mix=torch.rand(2),
    )  # fmt: skip
    both = slice(0, 2)
    loss = global_encoder_loss(step, both)
    networks = state.networks
    with torch.no_grad():
        features = networks["generator"].shared_features(step.latents, batch.labels)
        apart = (networks["encoder_global"](features) - step.latents).square().mean()
    found = step.means()
    torch.testing.assert_close(found["latent"], apart)
    torch.testing.assert_close(loss.detach(), found["reconstruction_global"] + 0.5 * apart)
    loss.backward()
    assert networks["encoder_global"].ladder[-2].weight.grad.abs().sum() > 0
