"""MSSG as a family: what its critic learns of what, its schedules, and that it learns at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mrisynth.errors import ConfigError
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.models.mssg import Mssg
from mrisynth.models.mssg_settings import MssgSettings
from mrisynth.networks.covariate_columns import CovariateColumns
from mrisynth.recipes import ModelRecipe

FAMILY = Mssg()
SMALL = {"width": 8, "full_to": 8, "latent": 6, "style": 8, "head_width": 6, "gamma": 1.0}
COLUMNS = CovariateColumns((2, 0, 0, 3))
NAN = float("nan")
ROWS = [[0, 1.5, NAN, 2], [1, -0.5, 0.7, NAN], [0, 0.2, NAN, 0], [1, 0.9, -1.2, NAN]]
WHOLE = [[0, 1.5, 0.3, 2], [1, -0.5, 0.7, 1], [0, 0.2, -0.4, 0], [1, 0.9, -1.2, 2]]


def _recipe(**changes) -> ModelRecipe:
    recipe = {"name": "model", "family": "mssg", "condition": "volumes", "size": 16, "batch_size": 4, "dimensions": 2}
    recipe |= changes | {"family_recipe": SMALL | changes.get("family_recipe", {})}
    return ModelRecipe(**{"images_total": 40, "images_per_chunk": 40} | recipe)


def _state(*, columns=COLUMNS, **changes) -> State:
    return FAMILY.build(_recipe(**changes), columns=columns, seed=1, device="cpu")


def _images(recipe: ModelRecipe) -> Tensor:
    return torch.rand(recipe.batch_size, *recipe.image_shape, generator=torch.Generator().manual_seed(4)) * 2 - 1


def _update(state: State, *, labels=ROWS, completed=WHOLE, step: int = 0, progress: float = 0.5) -> dict[str, Tensor]:
    batch = Batch(
        images=_images(state.recipe),
        labels=torch.tensor(labels),
        completed=None if completed is None else torch.tensor(completed),
    )
    return FAMILY.update(
        state, [batch], stage=Stage(name="adversarial"), step=step, progress=progress,
        generator=torch.Generator().manual_seed(3),
    )  # fmt: skip


def _weights(state: State) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": weight.detach().clone()
        for name, network in state.networks.items()
        for key, weight in network.named_parameters()
    }


@pytest.mark.parametrize("channels", [1, 3])
def test_one_update_moves_both_networks_and_gives_finite_losses(channels):
    state = _state(channels=channels)
    before = _weights(state)
    losses = _update(state)
    assert losses.pop("skipped") == 0
    assert {"critic_slice", "generator_slice", "penalty_slice", "class_slice", "class_generator"} <= set(losses)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert {key.split(".")[0] for key, one in _weights(state).items() if not torch.equal(one, before[key])} == {
        "generator",
        "critic",
    }


def test_the_heads_of_a_masked_critic_do_not_know_what_was_drawn_and_those_of_an_imputed_one_do():
    other = [[*row] for row in WHOLE]
    other[0][2], other[1][3] = 5.0, 0.0

    def critic(missing: str, completed: list[list[float]]) -> dict[str, Tensor]:
        state = _state(family_recipe={"missing": missing, "condition_weight_generator": 0.0})
        drawn = [[*row] for row in completed]
        state.optimisers["generator"].step = lambda: None
        for name, weight in state.networks["generator"].named_parameters():
            if name.startswith("embedding"):
                torch.nn.init.zeros_(weight)  # so that fakes are the same whatever they are told
        _update(state, completed=drawn)
        return {key: weight for key, weight in _weights(state).items() if key.startswith("critic")}

    one, same = critic("masked", WHOLE), critic("masked", other)
    assert all(torch.equal(one[key], same[key]) for key in one)
    one, differs = critic("imputed", WHOLE), critic("imputed", other)
    assert any(not torch.equal(one[key], differs[key]) for key in one if key.startswith("critic.heads"))


def test_a_covariate_that_nobody_knows_leaves_its_head_alone():
    state = _state()
    head = state.networks["critic"].heads[-1]
    before = head.bias.detach().clone()
    unknown = [[row[0], row[1], NAN, NAN] for row in ROWS]
    _update(state, labels=unknown)
    moved = (head.bias.detach() != before).tolist()
    assert moved == [True, True, True, False, False, False, False]  # two of the source, age, then the rest


def test_the_generator_follows_what_it_is_told():
    state = _state()
    latents = torch.randn(1, 6, generator=torch.Generator().manual_seed(0)).expand(3, -1)
    rows = torch.tensor([[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0], [0.0, 2.0, 0.0, 1.0]])
    images, low = FAMILY.sample(state.networks["generator"], latents, rows)
    assert images.shape == (3, 1, 16, 16)
    assert low.shape == (3, 1, 4, 4)
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])
    assert torch.equal(FAMILY.sample(state.networks["generator"], latents, rows)[0], images)


def test_the_weight_of_what_is_told_grows_from_the_start_or_as_published():
    ours = MssgSettings(condition_warm_up_share=0.1)
    assert [ours.warmed_up(progress=p, images_seen=0) for p in (0.0, 0.05, 0.1, 0.9)] == pytest.approx([0, 0.5, 1, 1])
    published = MssgSettings(condition_warm_up="published")
    millions = [0.5, 1, 2, 8.5, 9, 10, 40]
    found = [published.warmed_up(progress=0.0, images_seen=int(number * 1e6)) for number in millions]
    expected = [0.0, 4.54e-5, 1.234e-4, 0.0498, 0.1, 0.1, 0.1]  # e^-10, e^-9, e^-3, then e^-2 and e^-1 cut at 0.1
    assert found == pytest.approx(expected, rel=1e-3)


def test_a_weight_of_zero_asks_the_heads_nothing():
    losses = _update(_state(), progress=0.0)
    assert "class_slice" not in losses
    assert "class_generator" not in losses


@pytest.mark.parametrize("columns", [(), (3, 2)])
def test_without_covariates_the_classes_of_a_condition_take_their_place(columns):
    state = _state(columns=columns)
    losses = _update(state, labels=[0, 5, -1, 2] if columns else [-1] * 4, completed=None)
    assert losses["skipped"] == 0
    assert ("class_slice" in losses) == bool(columns)
    assert state.classes == (6 if columns else 0)


def test_pieces_of_a_batch_give_the_gradient_of_the_whole():
    whole, parts = (_state(family_recipe={"spread": "none"}) for _ in range(2))
    parts.stepper.parts = 3
    for state in (whole, parts):
        for optimiser in state.optimisers.values():
            for group in optimiser.param_groups:
                group["eps"] = 1.0  # so that Adam's steps follow the size of the gradient
        _update(state)
    one, other = _weights(whole), _weights(parts)
    assert max((one[key] - other[key]).abs().max().item() for key in one) < 1e-6


def test_it_learns_to_make_what_is_told_bright():
    """Reals are of one shade, the number that they are told: after some updates samples are, too."""
    recipe = _recipe(
        size=8, batch_size=16, family_recipe={"width": 16, "head_width": 16, "condition_warm_up_share": 0.0}
    )
    state = FAMILY.build(recipe, columns=CovariateColumns((1, 0)), seed=1, device="cpu")
    for step in range(150):
        random = torch.Generator().manual_seed(step)
        told = torch.rand(16, 1, generator=random) * 2 - 1
        images = (0.8 * told)[..., None, None].expand(16, 1, 8, 8) + 0.02 * torch.randn(16, 1, 8, 8, generator=random)
        batch = Batch(images=images, labels=torch.cat([torch.zeros(16, 1), told], dim=1))
        FAMILY.update(state, [batch], stage=Stage(name="adversarial"), step=step, progress=0.5, generator=random)
    latents = torch.randn(32, 6, generator=torch.Generator().manual_seed(0))
    asked = torch.linspace(-0.9, 0.9, 32)
    with torch.no_grad():
        images, _ = FAMILY.sample(state.networks["generator"], latents, torch.stack([0 * asked, asked], dim=1))
    shades = images.mean(dim=(1, 2, 3))
    assert torch.corrcoef(torch.stack([asked, shades]))[0, 1] > 0.8


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"missing": "dropped"}, "masked, imputed"), ({"spread": "some"}, "whole"), ({"depth": 3}, "no setting depth")],
)
def test_settings_that_do_not_fit_are_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        FAMILY.settings(_recipe(family_recipe=settings))


def test_a_size_that_is_none_of_its_own_is_named():
    with pytest.raises(ConfigError, match="power of 2"):
        FAMILY.settings(replace(_recipe(), size=96))
