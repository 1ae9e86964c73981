"""The family pacgan: its levels, steps, samples and classifier; what of its settings does not fit together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.blobs import blobs, slice_recipe
from torch import Tensor

from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.models.pacgan import Pacgan
from mrisynth.models.pacgan_settings import AS_PUBLISHED
from mrisynth.models.slice_losses import critic_loss, generator_loss
from mrisynth.recipes import ModelRecipe

SMALL = {"width": 8, "latent": 6, "class_width": 5}
CURVE = {"critic_slice", "right_slice", "sign_slice", "penalty_slice", "drift", "generator_slice", "skipped"}


def _recipe(*, settings: dict | None = None, **changes) -> ModelRecipe:
    return slice_recipe("pacgan", settings=SMALL | (settings or {}), **changes)


def _state(recipe: ModelRecipe, *, columns: tuple[int, ...] = (2,)) -> State:
    return Pacgan().build(recipe, columns=columns, seed=1, device="cpu")


def _batches(recipe: ModelRecipe, stage: Stage, *, labels: list[int] | None = None) -> list[Batch]:
    random = torch.Generator().manual_seed(2)
    found = []
    for _ in range(Pacgan().batches_per_update(recipe, stage)):
        batch = blobs(recipe.batch_size, size=recipe.size, generator=random)
        found.append(batch if labels is None else replace(batch, labels=torch.tensor(labels)))
    return found


def _update(state: State, level: int, *, labels: list[int] | None = None, progress: float = 0.25, seed: int = 3):
    stage = Stage(name=str(level))
    return Pacgan().update(
        state, _batches(state.recipe, stage, labels=labels), stage=stage, step=0, progress=progress,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip


def _weights(state: State) -> dict[str, Tensor]:
    named = [(name, network) for kind in (state.networks, state.averages) for name, network in kind.items()]
    kinds = ["networks"] * len(state.networks) + ["averages"] * len(state.averages)
    return {
        f"{kind}.{name}.{key}": weight.detach().clone()
        for kind, (name, network) in zip(kinds, named, strict=True)
        for key, weight in network.named_parameters()
    }


def _moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {key for key in before if not torch.equal(before[key], after[key])}


def test_levels_are_stages_with_their_shares():
    stages = Pacgan().stages(_recipe(size=32))
    assert [(stage.name, stage.share) for stage in stages] == [(name, 1.0) for name in ("4", "8", "16", "32")]
    later = _recipe(size=16, settings={"first_level": 8, "level_shares": [5, 1, 3]})
    assert [(stage.name, stage.share) for stage in Pacgan().stages(later)] == [("8", 1.0), ("16", 3.0)]


def test_levels_have_batches_and_steps_of_the_critic_of_their_own():
    recipe = _recipe(settings={"level_batch_sizes": [8, 4], "level_critic_steps": [1, 3]})
    counts = {stage.name: Pacgan().batches_per_update(recipe, stage) for stage in Pacgan().stages(recipe)}
    assert counts == {"4": 2, "8": 3}
    state = _state(recipe)
    seen = []
    step = state.stepper.step

    def watched(loss_of, optimisers, *, images):
        is_critic = optimisers == [state.optimisers["critic"]]
        seen.append(("critic" if is_critic else "generator", images))
        return step(loss_of, optimisers, images=images)

    state.stepper.step = watched
    for level in (4, 8):
        _update(state, level)
    assert seen == [("critic", 8), ("generator", 8)] + [("critic", 4)] * 3 + [("generator", 4)]


def test_the_published_settings_are_those_of_the_published_networks():
    recipe = slice_recipe("pacgan", settings=AS_PUBLISHED, size=256, batch_size=16)
    with torch.device("meta"):
        state = Pacgan().build(recipe, columns=(2,), seed=0, device="meta")
    counts = {name: sum(weight.numel() for weight in net.parameters()) for name, net in state.networks.items()}
    assert counts == {"generator": 13_658_333, "critic": 16_075_621}
    updates = [Pacgan().batches_per_update(recipe, stage) for stage in Pacgan().stages(recipe)]
    assert updates == [2, 2, 2, 1, 1, 2, 2]
    settings = Pacgan().settings(recipe)
    assert (settings.penalty_weight, settings.drift_weight, settings.embedding) == (10.0, 0.001, 3)
    assert {group["betas"] for group in state.optimisers["critic"].param_groups} == {(0.5, 0.999)}


@pytest.mark.parametrize("settings", [{}, AS_PUBLISHED | SMALL, {"spread": "none", "new_latents": True}])
@pytest.mark.parametrize("level", [4, 8])
def test_one_update_moves_the_layers_of_its_level_alone(settings, level):
    recipe = _recipe(settings=settings, size=16, batch_size=8)
    state = _state(recipe)
    before = _weights(state)
    losses = _update(state, level)
    assert losses["skipped"] == 0
    published = {"class_fake"} if "classify_fakes" in settings else set()
    assert set(losses) == CURVE | {"class_slice", "class_generator"} | published
    assert all(torch.isfinite(loss) for loss in losses.values())
    moved = _moved(before, _weights(state))
    assert not [key for key in moved if key.startswith("averages")]
    assert {key.split(".")[1] for key in moved} == {"generator", "critic"}
    still = {8: ["blocks.1.", "image.2."], 4: ["blocks.", "image.1.", "image.2."]}[level]
    assert not [key for key in moved if any(name in key for name in still)]
    used = {"networks.generator.to_image.0.weight", "networks.critic.from_image.0.weight"}
    assert used <= moved  # at level 8 they are being faded out
    assert ("networks.generator.blocks.0.first.weight" in moved) == (level == 8)
    assert all(weight.grad is None for network in state.networks.values() for weight in network.parameters())
    assert all(weight.requires_grad for network in state.networks.values() for weight in network.parameters())


def test_a_level_that_is_faded_in_leaves_the_old_image_layers_alone():
    state = _state(_recipe())
    before = _weights(state)
    _update(state, 8, progress=0.5)
    moved = _moved(before, _weights(state))
    assert "networks.generator.to_image.1.weight" in moved
    assert not {"networks.generator.to_image.0.weight", "networks.critic.from_image.0.weight"} & moved


def test_networks_know_the_level_and_fade_of_the_last_update():
    recipe = _recipe(size=16)
    state = _state(recipe)
    expected = {(4, 0.0): 1.0, (8, 0.0): 1e-5, (8, 0.25): 0.5, (16, 0.75): 1.0}
    for (level, progress), alpha in expected.items():
        _update(state, level, progress=progress)
        for network in state.networks.values():
            assert int(network.level) == level
            assert float(network.alpha) == pytest.approx(alpha, abs=2e-5)
    fresh = _state(recipe)
    fresh.networks["generator"].load_state_dict(state.networks["generator"].state_dict())
    assert fresh.networks["generator"].present() == (2, 1.0)


def test_a_first_level_fades_only_if_told_to():
    for settings, alpha in (({}, 1.0), ({"first_fades": True}, 0.5)):
        state = _state(_recipe(settings={"first_level": 8} | settings))
        _update(state, 8, progress=0.25)
        assert float(state.networks["critic"].alpha) == pytest.approx(alpha, abs=2e-5)


def test_missing_labels_teach_no_class():
    state = _state(_recipe(settings={"classify_fakes": True}))
    before = _weights(state)
    losses = _update(state, 4, labels=[-1, -1, -1, -1])
    assert losses["class_slice"] == losses["class_fake"] == losses["class_generator"] == losses["skipped"] == 0
    after = _weights(state)
    still = [key for key in before if ".label." in key or ".condition." in key]
    assert len(still) == 6
    assert not _moved({key: before[key] for key in still}, after)
    assert _moved(before, after)
    some = _update(state, 4, labels=[1, -1, -1, -1])
    assert some["class_slice"] > 0


def test_without_a_condition_there_are_no_classes():
    recipe = _recipe(condition="none")
    state = _state(recipe, columns=())
    assert set(_update(state, 4, labels=[-1] * 4)) == CURVE
    assert Pacgan().exported(recipe) == ["generator"]
    assert Pacgan().exported(_recipe()) == ["generator", "critic"]
    assert Pacgan().judged_from(replace(recipe, family_recipe={"select_from": 0.6})) is None
    with pytest.raises(MrisynthError, match="knows no classes"):
        Pacgan().classify(state.networks["critic"], torch.zeros(1, 1, 8, 8))


def test_more_than_two_classes_of_two_columns_in_bf16():
    recipe = _recipe(precision="bf16")
    state = _state(recipe, columns=(3, 2))
    losses = _update(state, 8, labels=[5, 0, -3, 2])
    assert losses["skipped"] == 0
    assert all(loss.dtype == torch.float32 for loss in losses.values())
    assert Pacgan().classify(state.networks["critic"], torch.zeros(3, 1, 8, 8)).shape == (3, 6)


def test_the_same_generator_gives_the_same_bits_whatever_else_is_drawn():
    results = []
    for _ in range(2):
        state = _state(_recipe(settings={"new_latents": True}))
        losses = _update(state, 8)
        results.append((_weights(state), losses))
        torch.rand(3)
    (first, losses), (second, others) = results
    assert not _moved(first, second)
    assert {key: float(value) for key, value in losses.items()} == {key: float(value) for key, value in others.items()}
    other = _state(_recipe(settings={"new_latents": True}))
    _update(other, 8, seed=4)
    assert _moved(first, _weights(other))


def test_building_leaves_the_random_state_of_torch_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _state(_recipe())
    assert torch.equal(torch.rand(3), expected)


def _gradients(state: State, *, parts: int, augmentation: float) -> dict[str, Tensor]:
    """Return the gradients that an update hands to the optimisers, which do not step."""
    found: dict[str, Tensor] = {}
    state.stepper.parts, state.augmentation = parts, augmentation
    for name, optimiser in state.optimisers.items():

        def keep(*, name=name) -> None:
            weights = dict(state.networks[name].named_parameters())
            found.update({f"{name}.{key}": w.grad.clone() for key, w in weights.items() if w.grad is not None})

        optimiser.step = keep
    losses = _update(state, 8, labels=[0, 1, -1, 1])
    return found | {name: value for name, value in losses.items() if name != "skipped"}


@pytest.mark.parametrize("settings", [{}, {"new_latents": True}, {"classify_fakes": True, "class_head": "shared"}])
@pytest.mark.parametrize("augmentation", [0.0, 0.8])
def test_pieces_of_a_batch_give_the_gradient_of_the_whole(settings, augmentation):
    whole, pieces = (
        _gradients(_state(_recipe(settings={"spread": "none"} | settings)), parts=parts, augmentation=augmentation)
        for parts in (1, 3)
    )
    assert set(whole) == set(pieces)
    for name, expected in whole.items():
        torch.testing.assert_close(pieces[name], expected, rtol=1e-3, atol=1e-5)


def test_fakes_are_made_once_for_both_steps_unless_latents_are_new():
    for settings, parts, expected in (({}, 1, 1), ({}, 2, 4), ({"new_latents": True}, 1, 2)):
        state = _state(_recipe(settings=settings))
        state.stepper.parts = parts
        calls = []
        state.networks["generator"].register_forward_hook(lambda *_, calls=calls: calls.append(torch.is_grad_enabled()))
        _update(state, 8)
        assert len(calls) == expected
        assert calls[-1]


def test_losses_are_what_they_say():
    recipe = _recipe(settings={"spread": "none", "classify_fakes": True, "condition_weight": 3.0})
    state, member = _state(recipe), Pacgan()
    drawn = member._drawn(state, _batches(recipe, Stage(name="4"))[0], random=torch.Generator().manual_seed(1))
    drawn.images = torch.nn.functional.avg_pool2d(drawn.images, 2)
    everything, critic = slice(0, 4), state.networks["critic"]
    with torch.no_grad():
        fakes = state.networks["generator"](drawn.inputs["latents"], drawn.labels)
    (real, real_logits), (fake, fake_logits) = critic(drawn.images), critic(fakes)
    between = drawn.mix.view(4, 1, 1, 1) * drawn.images + (1 - drawn.mix.view(4, 1, 1, 1)) * fakes
    between.requires_grad_()
    (slope,) = torch.autograd.grad(critic(between)[0].sum(), between)
    entropy = torch.nn.functional.cross_entropy
    expected = fake.mean() - real.mean() + 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
    expected = expected + 0.001 * real.square().mean() + 3 * entropy(real_logits, drawn.labels)
    expected = expected + entropy(fake_logits, drawn.labels)
    torch.testing.assert_close(critic_loss(drawn, everything), expected)
    torch.testing.assert_close(drawn.means()["critic_slice"], (fake.mean() - real.mean()).detach())
    generator = generator_loss(drawn, everything)
    torch.testing.assert_close(generator, -fake.mean() + entropy(fake_logits, drawn.labels))


@pytest.mark.parametrize("level", [4, 8, 16])
def test_samples_have_the_size_of_the_model_at_every_level(level):
    state = _state(_recipe(size=16, channels=3))
    network = state.averages["generator"]
    network.set_level(level, 0.5)
    with torch.inference_mode():
        images, low = Pacgan().sample(network, torch.randn(2, 6), torch.tensor([1, -1]))
    assert images.shape == (2, 3, 16, 16) and low.shape == (2, 3, 4, 4)
    assert images.abs().max() <= 1
    blocks = images.unflatten(3, (level, -1)).unflatten(2, (level, -1))
    assert torch.equal(blocks, blocks[:, :, :, :1, :, :1].expand_as(blocks))
    torch.testing.assert_close(low, torch.nn.functional.avg_pool2d(images, 4))


def test_settings_that_do_not_fit_are_named():
    for settings, words in (
        ({"lambda_gp": 10}, "pacgan has no setting lambda_gp"),
        ({"first_level": 32}, r"first_level is 32; expected one of 4, 8, 16"),
        ({"level_batch_sizes": [4, 4]}, r"level_batch_sizes has 2 entries; expected 3"),
        ({"level_batch_sizes": [8, 6, 10]}, r"6, 10 is no multiple of batch_size, 4"),
        ({"level_critic_steps": [1, 0, 1]}, r"level_critic_steps has an entry that is not above 0"),
        ({"factors": [1, 1]}, r"factors has 2 entries; expected 3"),
        ({"spread": "some"}, r"spread is 'some'; expected one of whole, groups, none"),
        ({"class_head": "none"}, r"class_head is 'none'; expected one of own, shared"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            Pacgan().settings(_recipe(size=16, settings=settings))
        assert "models.model.recipe" in str(caught.value)
    with pytest.raises(ConfigError, match=r"models\.model\.size is 24; expected a power of 2"):
        Pacgan().settings(_recipe(size=24))
