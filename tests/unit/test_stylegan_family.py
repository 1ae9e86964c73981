"""The family stylegan: its levels, steps, mean styles and samples."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.blobs import blobs, middle_rows, slice_recipe, trained_on_blobs
from torch import Tensor

from mrisynth.errors import ConfigError
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.models.stylegan import Stylegan
from mrisynth.models.stylegan_settings import AS_PUBLISHED
from mrisynth.networks.levels import to_edge
from mrisynth.networks.progressive_critic import ProgressiveCritic
from mrisynth.networks.style_generator import StyleGenerator
from mrisynth.recipes import ModelRecipe
from mrisynth.training.ema import update_average

SMALL = {"width": 8, "latent": 6, "style": 6, "embedding": 4, "mapping_layers": 2, "class_width": 5}


def _recipe(*, settings: dict | None = None, **changes) -> ModelRecipe:
    return slice_recipe("stylegan", settings=SMALL | (settings or {}), **({"size": 16} | changes))


def _state(recipe: ModelRecipe, *, columns: tuple[int, ...] = (2,)) -> State:
    return Stylegan().build(recipe, columns=columns, seed=1, device="cpu")


def _update(state: State, level: int, *, labels: list[int] | None = None, progress: float = 0.25, seed: int = 3):
    stage, random = Stage(name=str(level)), torch.Generator().manual_seed(2)
    batch = blobs(state.recipe.batch_size, size=state.recipe.size, generator=random)
    batch = batch if labels is None else replace(batch, labels=torch.tensor(labels))
    return Stylegan().update(
        state, [batch], stage=stage, step=0, progress=progress, generator=torch.Generator().manual_seed(seed)
    )


def _weights(state: State) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": weight.clone() for name, network in state.networks.items()
        for key, weight in network.state_dict().items()
    }  # fmt: skip


def test_the_published_networks_have_the_published_numbers_of_parameters():
    published = Stylegan.defaults
    networks = {"width": published.width, "factors": published.factors}
    counts = {}
    for size in (128, 1024):
        with torch.device("meta"):
            pair = (
                StyleGenerator(size, **networks, latent=256, style=256, first_layer="plain"),
                ProgressiveCritic(size, **networks, spread="whole"),
            )
        counts[size] = tuple(sum(weight.numel() for weight in network.parameters()) for network in pair)
    assert counts == {1024: (6_562_177, 6_363_985), 128: (6_468_038, 6_291_073)}  # 6.56, 6.36, 6.47 and 6.29 M


def test_the_published_training():
    recipe = slice_recipe("stylegan", settings=AS_PUBLISHED, condition="none", size=128, batch_size=8)
    assert [stage.name for stage in Stylegan().stages(recipe)] == ["8", "16", "32", "64", "128"]
    assert {Stylegan().batches_per_update(recipe, stage) for stage in Stylegan().stages(recipe)} == {1}
    with torch.device("meta"):
        state = Stylegan().build(recipe, columns=(), seed=0, device="meta")
    assert [group["lr"] for group in state.optimisers["generator"].param_groups] == [1e-3, 1e-5]
    mapping = sum(weight.numel() for weight in state.optimisers["generator"].param_groups[1]["params"])
    assert mapping == 8 * 256 * 257
    assert {group["betas"] for group in state.optimisers["critic"].param_groups} == {(0.0, 0.99)}
    assert Stylegan().latent_shape(recipe) == (256,)


def test_styles_are_mixed_as_often_as_told():
    for mixing, low, high in ((0.25, 0.15, 0.35), (1.0, 1.0, 1.0)):
        state = _state(_recipe(settings={"mixing": mixing}))
        for network in state.networks.values():
            network.set_level(8)
        drawn = Stylegan().inputs(state, 400, torch.Generator().manual_seed(0))
        starts = drawn["mixed_from"]
        assert low <= float((starts < 4).float().mean()) <= high
        assert set(starts.tolist()) <= {1, 2, 3, 4} and {1, 2, 3} <= set(starts.tolist())
    state = _state(_recipe(settings={"mixing": 0.0}))
    assert set(Stylegan().inputs(state, 2, torch.Generator())) == {"latents", "noise"}


def test_one_update_moves_what_it_should_and_nothing_else():
    state = _state(_recipe())
    before = _weights(state)
    losses = _update(state, 8)
    assert losses["skipped"] == 0 and all(torch.isfinite(loss) for loss in losses.values())
    assert {"critic_slice", "generator_slice", "class_slice", "class_generator"} <= set(losses)
    after = _weights(state)
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert {
        "generator.constant",
        "generator.mapping.layers.0.weight",
        "generator.mapping.condition.table.weight",
    } <= moved
    assert {"generator.mean_style", "generator.blocks.0.styled.1.noise_weight", "critic.blocks.0.first.weight"} <= moved
    assert not [key for key in moved if "blocks.1" in key or "image.2" in key]
    assert {"generator.level", "generator.to_image.0.weight", "critic.from_image.0.weight"}.isdisjoint(moved)
    slow, fast = (
        float((after[key] - before[key]).abs().max())
        for key in ("generator.mapping.layers.0.weight", "generator.to_image.1.weight")
    )
    assert slow == pytest.approx(1e-5, rel=0.1) and fast == pytest.approx(1e-3, rel=0.1)


def test_the_first_level_of_the_published_training_fades_in():
    for settings, alpha in (({}, 1.0), ({"first_fades": True}, 0.5)):
        state = _state(_recipe(settings=settings))
        _update(state, 8)
        for network in state.networks.values():
            assert network.present() == (1, pytest.approx(alpha, abs=2e-5))


def test_mean_styles_and_levels_survive_saving_and_averaging():
    state = _state(_recipe())
    _update(state, 16)
    update_average(state.averages["generator"], state.networks["generator"], decay=0.9)
    loaded = _state(_recipe()).networks["generator"]
    loaded.load_state_dict(state.networks["generator"].state_dict())
    for copy in (loaded, state.averages["generator"]):
        assert copy.present() == (2, pytest.approx(0.5, abs=2e-5))
        assert torch.equal(copy.mean_style, state.networks["generator"].mean_style)
        assert float(copy.mean_style.abs().sum()) > 0


def test_without_a_condition_and_with_missing_labels():
    plain = _state(_recipe(condition="none", settings=AS_PUBLISHED), columns=())
    losses = _update(plain, 8, labels=[-1] * 4)
    assert losses["skipped"] == 0 and "class_slice" not in losses
    state = _state(_recipe())
    before = _weights(state)["generator.mapping.condition.table.weight"]
    losses = _update(state, 8, labels=[-1] * 4)
    assert losses["class_slice"] == losses["class_generator"] == losses["skipped"] == 0
    assert torch.equal(_weights(state)["generator.mapping.condition.table.weight"], before)


def test_the_same_generator_gives_the_same_bits():
    first, second, other = (_state(_recipe()) for _ in range(3))
    losses = _update(first, 8)
    torch.rand(3)
    again = _update(second, 8)
    _update(other, 8, seed=4)
    assert {key: float(value) for key, value in losses.items()} == {key: float(value) for key, value in again.items()}
    weights, others = _weights(first), _weights(other)
    assert all(torch.equal(weight, weights[key]) for key, weight in _weights(second).items())
    assert not torch.equal(weights["generator.constant"], others["generator.constant"])


@pytest.mark.parametrize("new_latents", [False, True])
def test_pieces_of_a_batch_give_the_gradient_of_the_whole(new_latents):
    found: list[dict[str, Tensor]] = []
    for parts in (1, 3):
        state = _state(_recipe(settings={"spread": "none", "new_latents": new_latents}))
        state.stepper.parts = parts
        gradients: dict[str, Tensor] = {}
        for name, optimiser in state.optimisers.items():

            def keep(*, name=name, state=state, gradients=gradients) -> None:
                weights = dict(state.networks[name].named_parameters())
                gradients.update({f"{name}.{key}": w.grad.clone() for key, w in weights.items() if w.grad is not None})

            optimiser.step = keep
        _update(state, 16, labels=[1, -1, 0, 1])
        found.append(gradients | {"mean": state.networks["generator"].mean_style})
    assert set(found[0]) == set(found[1])
    for name, expected in found[0].items():
        torch.testing.assert_close(found[1][name], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("level", [4, 8, 16])
def test_samples_have_the_size_of_the_model_and_follow_from_their_latent(level):
    network = _state(_recipe(channels=3)).averages["generator"]
    network.set_level(level, 0.7)
    latents, labels = torch.randn(3, 6), torch.tensor([1, -1, 0])
    with torch.inference_mode():
        images, low = Stylegan().sample(network, latents, labels)
        alone, _ = Stylegan().sample(network, latents[2:], labels[2:])
    assert images.shape == (3, 3, 16, 16) and low.shape == (3, 3, 4, 4)
    assert images.abs().max() <= 1
    torch.testing.assert_close(to_edge(to_edge(images, level), 16), images)
    torch.testing.assert_close(alone, images[2:])


def test_an_update_in_bf16_and_one_without_values():
    losses = _update(_state(_recipe(precision="bf16")), 16)
    assert losses["skipped"] == 0 and all(loss.dtype == torch.float32 for loss in losses.values())
    recipe = _recipe()
    with torch.device("meta"):
        state = Stylegan().build(recipe, columns=(2,), seed=0, device="meta")
    batch = Batch(images=torch.zeros(4, 1, 16, 16, device="meta"), labels=torch.zeros(4, dtype=int, device="meta"))
    losses = Stylegan().update(
        state, [batch], stage=Stage(name="16"), step=0, progress=0.2, generator=torch.Generator().manual_seed(0)
    )
    assert losses["critic_slice"].is_meta
    assert state.networks["generator"].present()[0] == 2


def test_unknown_scales_are_named():
    with pytest.raises(ConfigError, match=r"models\.model\.recipe\.style_scales is 'two'; expected one of one, zero"):
        Stylegan().settings(_recipe(settings={"style_scales": "two"}))


def test_samples_of_two_classes_part_as_the_images_do():
    fast = {"learning_rate_generator": 3e-3, "learning_rate_critic": 3e-3, "learning_rate_mapping": 3e-4}
    small = {"width": 16, "latent": 16, "style": 16, "embedding": 16, "class_width": 16, "mapping_layers": 4}
    recipe = slice_recipe("stylegan", settings=small | fast, batch_size=16)
    state = trained_on_blobs(recipe, updates=150)
    labels = torch.arange(64) % 2
    latents = torch.randn(64, 16, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        images, _ = Stylegan().sample(state.averages["generator"], latents, labels)
    rows, reals = middle_rows(images), blobs(200, size=8, generator=torch.Generator().manual_seed(12))
    assert float(((rows > 0.5) == (labels == 1)).float().mean()) > 0.9
    for number in (0, 1):
        expected = middle_rows(reals.images[reals.labels == number]).mean()
        assert float(rows[labels == number].mean()) == pytest.approx(float(expected), abs=0.08)
    assert images[labels == 0].std(dim=0).mean() > 0.03
