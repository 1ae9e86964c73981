"""R3GAN as a family: its schedules, what an update changes, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.r3gan_models import FAMILY, awake, batch_of, normal, recipe_with, state_with
from torch import Tensor

from mrisynth.errors import ConfigError
from mrisynth.models.interface import Batch, State
from mrisynth.models.r3gan_losses import R3ganStep, critic_loss
from mrisynth.models.r3gan_settings import R3ganSettings, gamma_of_size
from mrisynth.training.augmentation import AugmentationDraw
from mrisynth.training.slice_augmentation import augment_slices

ALL_LOSSES = {"critic_slice", "generator_slice", "right_slice", "sign_slice", "penalty_slice"}


def _update(state: State, *, labels: list[int] | None = None, step: int = 0, progress: float = 0.0, seed: int = 3):
    return FAMILY.update(
        state, [batch_of(state.recipe, labels)], stage=FAMILY.stages(state.recipe)[0], step=step, progress=progress,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip


def _weights(state: State) -> dict[str, Tensor]:
    networks = state.networks | {f"average of {name}": network for name, network in state.averages.items()}
    return {
        f"{name}.{key}": weight.detach().clone()
        for name, network in networks.items()
        for key, weight in network.named_parameters()
    }


@pytest.mark.parametrize("size", [8, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_update_moves_both_networks_and_no_average(size, channels):
    state = state_with(size=size, channels=channels)
    before = _weights(state)
    losses = _update(state)
    after = _weights(state)
    assert losses.pop("skipped") == 0
    assert set(losses) == ALL_LOSSES
    assert all(torch.isfinite(loss) for loss in losses.values())
    moved = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert moved == {"generator", "critic"}
    assert all(weight.requires_grad and weight.grad is None for weight in state.networks["critic"].parameters())


def test_the_step_of_the_generator_leaves_the_critic_where_its_own_step_brought_it():
    one, other = awake(state_with()), awake(state_with())
    _update(one)
    other.optimisers["generator"].step = lambda: None
    _update(other)
    assert not torch.equal(one.networks["generator"].start.weight, other.networks["generator"].start.weight)
    pairs = zip(one.networks["critic"].parameters(), other.networks["critic"].parameters(), strict=True)
    assert all(torch.equal(weight, same) for weight, same in pairs)


def test_an_update_depends_on_its_generator_alone():
    first, second, other = state_with(), state_with(), state_with()
    losses = _update(first)
    torch.rand(5)
    again = _update(second)
    _update(other, seed=4)
    assert {key: float(value) for key, value in losses.items()} == {key: float(value) for key, value in again.items()}
    assert all(torch.equal(weight, _weights(second)[key]) for key, weight in _weights(first).items())
    assert not torch.equal(first.networks["generator"].start.weight, other.networks["generator"].start.weight)


def test_networks_are_seeded_by_name_and_leave_the_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    state = state_with()
    assert torch.equal(torch.rand(3), expected)
    recipe = recipe_with()
    for name in ("generator", "critic"):
        again = FAMILY.network(name, recipe, columns=(), seed=1)
        other = FAMILY.network(name, recipe, columns=(), seed=2)
        built = dict(state.networks[name].named_parameters())
        assert all(torch.equal(weight, built[key]) for key, weight in again.named_parameters())
        assert any(not torch.equal(weight, built[key]) for key, weight in other.named_parameters())


def test_classes_missing_labels_and_bf16():
    state = state_with(columns=(3, 2), precision="bf16")
    losses = _update(state, labels=[5, 0, -1, -4, 2, 2])
    assert losses["skipped"] == 0
    assert state.classes == 6
    assert all(loss.dtype == torch.float32 for loss in losses.values())
    images, low = FAMILY.sample(state.networks["generator"], normal(2, 8), torch.tensor([3, -1]))
    assert images.shape == (2, 1, 16, 16)
    assert low.shape == (2, 1, 4, 4)


def test_a_step_that_is_penalised_is_computed_in_32_bits():
    state = state_with(precision="bf16", family_recipe={"penalty_every": 2})
    rounded: list[bool] = []
    state.networks["critic"].register_forward_hook(lambda *_: rounded.append(torch.is_autocast_enabled("cpu")))
    _update(state, step=4)
    assert rounded == [False, False, True, True]
    rounded.clear()
    _update(state, step=5)
    assert rounded == [True] * 4


def test_a_lazy_penalty_comes_seldom_and_stronger(monkeypatch):
    state = state_with(family_recipe={"penalty_every": 4, "gamma": 3.0, "gamma_end": 1.0})
    weights = []

    def seen(step: R3ganStep, piece: slice) -> Tensor:
        weights.append(step.penalty_weight)
        return critic_loss(step, piece)

    monkeypatch.setattr("mrisynth.models.r3gan.critic_loss", seen)
    found = [_update(state, step=step, progress=0.5) for step in range(6)]
    assert weights == pytest.approx([8.0, 0, 0, 0, 8.0, 0])
    assert ["penalty_slice" in losses for losses in found] == [weight > 0 for weight in weights]


def test_an_update_that_is_not_finite_changes_nothing():
    state = state_with()
    before = _weights(state)
    state.networks["critic"].register_forward_hook(lambda module, given, scores: scores * float("nan"))
    assert _update(state)["skipped"] == 2
    assert all(torch.equal(weight, before[key]) for key, weight in _weights(state).items())


def test_schedules_begin_and_end_as_published():
    settings = R3ganSettings()
    assert (settings.learning_rate_at(0.0), settings.learning_rate_at(1.0)) == pytest.approx((2e-4, 5e-5))
    assert settings.learning_rate_at(0.5) == pytest.approx(1.25e-4)
    assert settings.betas_at(0.0) == pytest.approx((0.0, 0.9))
    assert settings.betas_at(1.0) == pytest.approx((0.0, 0.99))
    assert all(type(beta) is float for beta in replace(settings, beta1=0).betas_at(0.3))
    given = replace(settings, gamma=2.0, gamma_end=1.0)
    assert [given.gamma_at(share, size=256) for share in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.5, 1.0])
    rates = [settings.learning_rate_at(share / 20) for share in range(21)]
    assert rates == sorted(rates, reverse=True)


def test_the_weight_of_the_penalties_follows_the_size():
    assert [gamma_of_size(size) for size in (32, 64, 256)] == pytest.approx([0.05, 2.0, 150.0])
    assert gamma_of_size(128) == pytest.approx((2.0 * 150.0) ** 0.5)
    assert gamma_of_size(8) == gamma_of_size(16) == pytest.approx(0.05)
    assert gamma_of_size(512) == 150.0
    settings = R3ganSettings()
    assert [settings.gamma_at(share, size=256) for share in (0.0, 1.0)] == pytest.approx([150.0, 15.0])
    assert replace(settings, gamma_end=3.0).gamma_at(1.0, size=64) == pytest.approx(3.0)


def test_an_update_follows_the_schedules():
    state = state_with()
    for progress in (0.0, 0.4):
        _update(state, progress=progress)
        for optimiser in state.optimisers.values():
            (group,) = optimiser.param_groups
            assert group["lr"] == R3ganSettings().learning_rate_at(progress)
            assert tuple(group["betas"]) == R3ganSettings().betas_at(progress)


def test_reals_and_fakes_are_augmented_alike_and_drawn_of_the_updates_generator(monkeypatch):
    state, draws = state_with(), []

    def seen(images: Tensor, draw: AugmentationDraw) -> Tensor:
        draws.append(draw)
        return augment_slices(images, draw)

    monkeypatch.setattr("mrisynth.models.r3gan_losses.augment_slices", seen)
    _update(state)
    assert not draws
    state.augmentation = 1.0
    _update(state)
    real, fake, again_real, again_fake = (draw.matrix for draw in draws)
    assert torch.equal(real, fake)
    assert torch.equal(again_real, again_fake)
    assert not torch.equal(real, again_real)


def test_samples_stay_in_range_and_are_averaged_by_four():
    state = state_with()
    with torch.no_grad():
        state.networks["generator"].image.weight.mul_(20)
        images, low = FAMILY.sample(state.networks["generator"], normal(3, 8), torch.tensor([-1] * 3))
    assert (float(images.min()), float(images.max())) == (-1.0, 1.0)
    torch.testing.assert_close(low[1, 0, 2, 3], images[1, 0, 8:12, 12:16].mean())


def test_what_the_family_says_of_itself():
    recipe = recipe_with()
    (stage,) = FAMILY.stages(recipe)
    assert (stage.name, FAMILY.batches_per_update(recipe, stage)) == ("adversarial", 1)
    assert (FAMILY.latent_shape(recipe), FAMILY.condition_input(recipe)) == ((8,), "embedding")
    assert FAMILY.exported(recipe) == ["generator"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family_recipe": {"critic_steps": 2}}, r"models\.model\.recipe: r3gan has no setting critic_steps"),
        ({"size": 48}, r"models\.model\.size: 48; .* 8 to 256 pixels a side, a power of 2"),
        ({"size": 4}, r"models\.model\.size: 4"),
        ({"family_recipe": {"width": 20}}, r"models\.model\.recipe\.width: 20; expected a multiple of 8"),
        ({"family_recipe": {"penalty_every": 0}}, r"models\.model\.recipe\.penalty_every: 0; expected 1 or more"),
    ],
)
def test_settings_that_make_no_sense_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        state_with(**changes)


def _spots(labels: Tensor, random: torch.Generator) -> Tensor:
    """A bright spot of 8 x 8 pixels, left in class 0 and right in class 1, at any height."""
    row = 2.5 + 2 * torch.rand(len(labels), 1, 1, generator=random)
    column = torch.where(labels == 0, 1.5, 5.5).view(-1, 1, 1)
    squares = (torch.arange(8.0).view(1, -1, 1) - row) ** 2 + (torch.arange(8.0).view(1, 1, -1) - column) ** 2
    return (2 * torch.exp(-squares / 3) - 1)[:, None]


def test_it_learns_where_the_spots_of_two_classes_are():
    short = {"blocks_per_level": 1, "learning_rate": 3e-3, "learning_rate_end": 1e-3}
    recipe = recipe_with(size=8, batch_size=32, family_recipe=short)
    state = FAMILY.build(recipe, columns=(2,), seed=1, device="cpu")
    updates = 80
    for step in range(updates):
        random = torch.Generator().manual_seed(step)
        labels = torch.randint(2, (32,), generator=random)
        batch = Batch(images=_spots(labels, random), labels=labels)
        options = {"stage": FAMILY.stages(recipe)[0], "step": step, "progress": step / updates}
        FAMILY.update(state, [batch], generator=random, **options)
    random = torch.Generator().manual_seed(10**6)
    labels = torch.arange(200) % 2
    with torch.no_grad():
        images, _ = FAMILY.sample(state.networks["generator"], torch.randn(200, 8, generator=random), labels)
    reals = _spots(labels, random)
    columns, rows = _centres(images)
    real_columns, real_rows = _centres(reals)
    for label in (0, 1):  # 3.7 columns apart
        chosen = labels == label
        assert float(columns[chosen].mean()) == pytest.approx(float(real_columns[chosen].mean()), abs=0.9)
        assert float((images[chosen].mean(0) - reals[chosen].mean(0)).abs().mean()) < 0.15
    assert float(rows.std()) > 0.25 * float(real_rows.std())  # no single height


def _centres(images: Tensor) -> tuple[Tensor, Tensor]:
    mass = images[:, 0] + 1
    total, places = mass.sum((1, 2)), torch.arange(8.0)
    return (mass.sum(1) * places).sum(1) / total, (mass.sum(2) * places).sum(1) / total
