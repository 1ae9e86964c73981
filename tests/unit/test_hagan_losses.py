"""HAGAN's losses against numbers worked out by hand, with critics and a generator that say what they are told."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from mrisynth.models import family as family_named
from mrisynth.models.hagan_losses import critic_loss, generator_loss
from mrisynth.models.hagan_step import Step
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.networks.layout import layout
from mrisynth.recipes import ModelRecipe
from mrisynth.training.steps import Stepper

REALS = (0.5, -0.5)  # grey value of each real image
FAKES = {"high": (0.25, -0.25), "low": (0.75, -0.75)}
SLOPES = {"high": 2.0, "low": -1.0}
OFFSETS = {"high": 0.1, "low": 0.3}
PUBLISHED = {"loss": "logistic", "penalty": "none", "consistency_weight": 0.0, "diversity_weight": 0.0}
BOTH = slice(0, 2)


class Critic(nn.Module):
    """Scores slope * first voxel + offset, so that the slope is the norm of the gradient; logits (voxel, -voxel)."""

    def __init__(self, branch: str, *, classes: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(SLOPES[branch]))
        self.offset, self.classes = OFFSETS[branch], classes

    def forward(self, images, *, slab_starts=None):
        voxel = images[:, 0, 0, 0, 0]
        scores = self.slope * voxel + self.offset
        return scores, torch.stack([voxel, -voxel], dim=1) * self.slope.sign() if self.classes else None


class Generator(nn.Module):
    """Makes constant images: the weight of each branch times the first number of the latent."""

    def __init__(self) -> None:
        super().__init__()
        self.layout = layout(32)
        self.high, self.level = (nn.Parameter(torch.tensor(FAKES[branch][0])) for branch in ("high", "low"))

    def forward(self, latents, labels, *, slab_starts):
        features = self.shared_features(latents, labels)
        return self.high * features.expand(-1, 1, 8, 32, 32), self.low(features)

    def shared_features(self, latents, labels):
        return latents[:, 0].view(-1, 1, 1, 1, 1)

    def low(self, features):
        return self.level * features.expand(-1, 1, 8, 8, 8)


def score(branch: str, value: float) -> float:
    return SLOPES[branch] * value + OFFSETS[branch]


def scores(branch: str) -> list[tuple[float, float]]:
    """(real, fake) of each pair."""
    return [(score(branch, real), score(branch, fake)) for real, fake in zip(REALS, FAKES[branch], strict=True)]


def softplus(value: float) -> float:
    return math.log(1 + math.exp(value))


def mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


def entropy(branch: str, value: float, label: int) -> float:
    """Cross-entropy of the logits (voxel, -voxel) times the sign of the slope."""
    logit = math.copysign(1, SLOPES[branch]) * value
    return softplus(-2 * logit if label == 0 else 2 * logit)


def _state(family: str, settings: dict, *, classes: int = 0) -> State:
    recipe = ModelRecipe(
        name="model", family=family, condition="none", size=32, images_total=8, images_per_chunk=8, batch_size=2,
        family_recipe={"latent": 8} | settings,
    )  # fmt: skip
    networks = {"generator": Generator(), "critic_high": Critic("high", classes=classes)}
    networks |= {"critic_low": Critic("low", classes=classes)}
    critics = [*networks["critic_high"].parameters(), *networks["critic_low"].parameters()]
    optimisers = {
        "generator": torch.optim.SGD(networks["generator"].parameters(), lr=0.0),
        "critics": torch.optim.SGD(critics, lr=0.0),
    }
    return State(recipe=recipe, classes=classes, networks=networks, averages={}, optimisers=optimisers)


def _step(family: str, settings: dict, *, labels: tuple[int, int] | None = None) -> Step:
    state = _state(family, settings, classes=2 if labels else 0)
    images = torch.tensor(REALS).view(2, 1, 1, 1, 1).expand(2, 1, 32, 32, 32)
    latents = torch.zeros(2, 8)
    latents[:, 0] = torch.tensor([1.0, -1.0])
    batch = Batch(images=images, labels=torch.tensor(labels or (-1, -1)))
    chosen = family_named(family).settings(state.recipe)
    return Step(state=state, settings=chosen, batch=batch, starts=[0, 4], latents=latents, mix=torch.tensor([0.5, 0.5]))


def _losses(family: str, settings: dict, **options) -> tuple[float, float]:
    step = _step(family, settings, **options)
    return critic_loss(step, BOTH).item(), generator_loss(step, BOTH).item()


def test_averaged_branches_have_one_loss_of_the_mean_score():
    critic, generator = _losses("hagan", PUBLISHED | {"branches": "averaged", "high_weight": 4.0})
    pairs = [
        [mean(both) for both in zip(high, low, strict=True)]
        for high, low in zip(scores("high"), scores("low"), strict=True)
    ]
    assert critic == pytest.approx(
        mean(softplus(-real) for real, _ in pairs) + mean(softplus(fake) for _, fake in pairs)
    )
    assert generator == pytest.approx(mean(softplus(-fake) for _, fake in pairs))  # no branch to weigh


def test_separate_branches_add_up_and_the_high_one_is_weighed_in_the_generator_alone():
    critic, generator = _losses("hagan", PUBLISHED | {"high_weight": 4.0})
    of_critic = {b: mean(softplus(-real) + softplus(fake) for real, fake in scores(b)) for b in FAKES}
    of_generator = {b: mean(softplus(-fake) for _, fake in scores(b)) for b in FAKES}
    assert critic == pytest.approx(of_critic["high"] + of_critic["low"])
    assert generator == pytest.approx(4 * of_generator["high"] + of_generator["low"])


def test_wasserstein_branches_each_with_a_penalty():
    critic, generator = _losses("wgp_hagan", {"consistency_weight": 0.0, "diversity_weight": 0.0})
    of_critic = sum(mean(fake - real for real, fake in scores(b)) + 10 * (abs(SLOPES[b]) - 1) ** 2 for b in FAKES)
    assert critic == pytest.approx(of_critic)
    assert generator == pytest.approx(
        sum(w * mean(-fake for _, fake in scores(b)) for b, w in (("high", 4), ("low", 1)))
    )


def test_relativistic_branches_with_a_penalty_on_reals_and_on_fakes():
    settings = {"penalty_weight": 3.0, "penalty_scale": "none", "consistency_weight": 0.0, "diversity_weight": 0.0}
    critic, generator = _losses("hagan", settings)
    pairs = sum(mean(softplus(fake - real) for real, fake in scores(b)) for b in FAKES)
    slopes = sum(SLOPES[b] ** 2 / 2 + SLOPES[b] ** 2 / 2 for b in FAKES)
    assert critic == pytest.approx(pairs + 3 * slopes)
    assert generator == pytest.approx(sum(mean(softplus(real - fake) for real, fake in scores(b)) for b in FAKES))


def test_a_penalty_by_voxels_counts_a_sixteenth_for_the_low_resolution_at_32():
    by_voxels = {"penalty_weight": 3.0, "penalty_scale": "voxels", "consistency_weight": 0.0, "diversity_weight": 0.0}
    without = _losses("hagan", by_voxels | {"penalty_weight": 0.0})[0]
    slopes = {branch: SLOPES[branch] ** 2 for branch in FAKES}  # slabs have 8 * 32 * 32 voxels, the other 8 * 8 * 8
    assert _losses("hagan", by_voxels)[0] - without == pytest.approx(3 * (slopes["high"] + slopes["low"] / 16))


def test_a_slope_of_one_weighs_the_same_for_both_critics():
    slope_one = {"penalty": "slope_one", "consistency_weight": 0.0, "diversity_weight": 0.0}
    losses = [_losses("hagan", slope_one | {"penalty_weight": weight})[0] for weight in (0.0, 3.0)]
    assert losses[1] - losses[0] == pytest.approx(3 * sum((abs(slope) - 1) ** 2 for slope in SLOPES.values()))


def test_consistency_is_the_squared_distance_of_the_branches():
    without, with_it = (
        _losses("hagan", {"consistency_weight": weight, "diversity_weight": 0.0}) for weight in (0.0, 2.0)
    )
    assert with_it[0] == without[0]
    assert with_it[1] - without[1] == pytest.approx(2 * (0.75 - 0.25) ** 2)


@pytest.mark.parametrize(("level", "alike"), [(0.2, 0.6), (0.75, 0.0)])  # scans differ by 1, samples by twice the level
def test_samples_that_differ_less_than_scans_cost_the_share_they_lack(level, alike):
    steps = [_step("hagan", {"diversity_weight": weight}) for weight in (0.0, 3.0, 3.0)]
    for step in steps:
        torch.nn.init.constant_(step.generator.level, level)
    without, whole = (generator_loss(step, BOTH).item() for step in steps[:2])
    assert whole - without == pytest.approx(3 * alike, abs=1e-6)
    assert steps[1].means()["alike"] == pytest.approx(alike, abs=1e-6)
    parts = [generator_loss(steps[2], slice(place, place + 1)).item() for place in (0, 1)]
    assert sum(parts) / 2 == pytest.approx(whole)


def test_a_batch_of_one_scan_shown_twice_asks_for_no_difference_but_an_infinitesimal_one():
    step = _step("hagan", {"diversity_weight": 3.0})
    step.batch = replace(step.batch, images=torch.zeros_like(step.batch.images))
    loss = generator_loss(step, BOTH)
    loss.backward()
    assert step.means()["alike"] == 0 and torch.isfinite(step.generator.level.grad)


@pytest.mark.parametrize("both", [False, True])
def test_class_terms_and_their_weights(both):
    """The second image has no label; fakes are classified where that is asked for."""
    labels, weights = (1, -1), {"condition_weight": 3.0, "condition_weight_generator": 0.5, "high_weight": 4.0}
    without = _losses("hagan", PUBLISHED | weights)
    critic, generator = _losses("hagan", PUBLISHED | weights | {"classify_fakes": both}, labels=labels)
    real = sum(entropy(b, REALS[0], 1) for b in FAKES)
    fake = {b: entropy(b, FAKES[b][0], 1) for b in FAKES}
    assert critic - without[0] == pytest.approx(3 * (real + (sum(fake.values()) if both else 0)))
    assert generator - without[1] == pytest.approx(0.5 * (4 * fake["high"] + fake["low"]))


def test_the_loss_of_the_critics_is_scaled_whole():
    options = {"labels": (0, 1)}
    plain, scaled = (_losses("hagan", PUBLISHED | {"critic_loss_scale": scale}, **options) for scale in (1.0, 0.5))
    assert scaled[0] == pytest.approx(plain[0] / 2)
    assert scaled[1] == plain[1]


def test_what_is_recorded_beside_the_losses():
    step = _step("hagan", {"consistency_weight": 2.0, "diversity_weight": 0.0})
    critic_loss(step, BOTH)
    generator_loss(step, BOTH)
    found = step.means()
    assert found["right_high"] == mean(real > fake for real, fake in scores("high"))
    assert found["right_low"] == mean(real > fake for real, fake in scores("low"))
    assert found["sign_high"] == mean(math.copysign(1, real - fake) for real, fake in scores("high"))
    assert found["consistency"] == pytest.approx(0.25)  # as it is, not as it is weighed
    step = _step("hagan", PUBLISHED)
    critic_loss(step, BOTH)
    assert step.means()["sign_low"] == mean(math.copysign(1, real) for real, _ in scores("low"))


@pytest.mark.parametrize("labels", [None, (1, -1), (-1, 0)])
@pytest.mark.parametrize("loss_of", [critic_loss, generator_loss])
def test_the_losses_of_the_parts_are_the_loss_of_the_batch(loss_of, labels):
    whole, parts = (_step("hagan", {"classify_fakes": True}, labels=labels) for _ in range(2))
    expected = loss_of(whole, BOTH).item()
    assert sum(loss_of(parts, slice(place, place + 1)).item() / 2 for place in (0, 1)) == pytest.approx(expected)
    found, total = parts.means(), whole.means()
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {name: float(value) for name, value in total.items()}
    )


@pytest.mark.parametrize(("family", "penalty"), [("hagan", SLOPES), ("wgp_hagan", SLOPES)])
def test_a_lazy_penalty_counts_as_often_as_it_stands_for(family, penalty):
    """With penalty_every 3: three times the weight in every third update, none between."""
    member, totals = family_named(family), {}
    for every in (1, 3):
        state = _state(family, {"penalty_every": every, "penalty_weight": 5.0, "penalty_scale": "none"})
        taken: list[float] = []

        class Listening(Stepper):
            def step(self, loss_of, optimisers, *, images, taken=taken):
                taken.append(loss_of(slice(0, images)).item())
                return super().step(loss_of, optimisers, images=images)

        state.stepper = Listening()
        images = torch.tensor(REALS).view(2, 1, 1, 1, 1).expand(2, 1, 32, 32, 32)
        for step in range(6):
            member.update(
                state, [Batch(images=images, labels=torch.tensor([-1, -1]))], stage=Stage(name="adversarial"),
                step=step, progress=0.0, generator=torch.Generator().manual_seed(1),
            )  # fmt: skip
        totals[every] = taken[::2]  # critics, generator, critics ...
    slopes = SLOPES.values()
    whole = 5 * sum(slope**2 if family == "hagan" else (abs(slope) - 1) ** 2 for slope in slopes)
    assert totals[1] == pytest.approx([totals[1][0]] * 6)
    expected = [totals[1][0] + (2 if step % 3 == 0 else -1) * whole for step in range(6)]
    assert totals[3] == pytest.approx(expected)


def test_the_generator_gets_no_gradient_from_the_critics_loss():
    step = _step("hagan", {})
    critic_loss(step, BOTH).backward()
    assert all(weight.grad is None for weight in step.generator.parameters())
    assert step.state.networks["critic_high"].slope.grad is not None


def test_a_mirrored_slab_is_told_as_it_lies_in_the_mirrored_volume():
    from mrisynth.training.augmentation import AugmentationRange, draw_augmentation

    step = _step("hagan", {})
    assert step._told(BOTH) == [0, 1]
    draw = draw_augmentation(AugmentationRange(flip=True), 2, strength=1.0, generator=torch.Generator().manual_seed(0))
    flipped = replace(step, draw=replace(draw, flipped=torch.tensor([True, False])))
    assert flipped._told(BOTH) == [6, 1]
