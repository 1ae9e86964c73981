"""MRGen: its stages, what they train, and masks that steer a domain of which none is known."""

from __future__ import annotations

import pytest
import torch

from mrisynth.errors import ConfigError
from mrisynth.models.interface import Batch
from mrisynth.models.mrgen import Mrgen
from mrisynth.networks.control_branch import NO_MASK
from mrisynth.recipes import ModelRecipe
from mrisynth.training.loop import run_updates
from mrisynth.training.schedule import Schedule

SIZE = 16
SMALL = {
    "autoencoder": "none", "patch": 2, "denoiser_width": 16, "denoiser_factors": [1, 2], "attention_from": 1,
    "head_width": 16, "token_width": 8, "steps": 15, "learning_rate_denoiser": 3e-3, "learning_rate_control": 3e-3,
    "guidance": 1.0,
}  # fmt: skip
MEMBER = Mrgen()


def _recipe(*, settings=None, **changes) -> ModelRecipe:
    entries = {"name": "model", "family": "mrgen", "condition": "domain", "size": SIZE, "dimensions": 2}
    entries |= {"images_total": 64, "images_per_chunk": 64, "batch_size": 4, "augmentation": "none"}
    return ModelRecipe(**entries | changes, family_recipe=SMALL | (settings or {}))


def _discs(count: int, *, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return images of two domains, white discs on black and grey ones on a darker grey, their domains, and all masks."""
    domains = torch.randint(2, (count,), generator=generator)
    rows, columns = (4 + 8 * torch.rand(2, count, generator=generator)).unbind()
    places = torch.arange(SIZE) + 0.5
    away = (places[:, None] - rows[:, None, None]) ** 2 + (places - columns[:, None, None]) ** 2
    masks = (away < 9).to(torch.uint8)
    inside = masks.float()
    images = torch.where(domains[:, None, None] == 0, 1.8 * inside - 1, 0.8 * inside - 0.4)
    return images[:, None], domains, masks


class _Discs:
    """An endless stream of batches; of the second domain no mask is known."""

    waited_seconds = 0.0

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def __getitem__(self, number: int) -> Batch:
        images, domains, masks = _discs(self.batch, generator=torch.Generator().manual_seed(number))
        masks[domains == 1] = NO_MASK
        return Batch(images=images, labels=domains, masks=masks)


def test_stages_share_the_images_and_the_last_trains_the_branch_alone():
    recipe = _recipe(settings={"autoencoder": "kl", "autoencoder_width": 8, "autoencoder_share": 0.25})
    stages = MEMBER.stages(recipe)
    assert [(stage.name, round(stage.share, 6)) for stage in stages] == [
        ("autoencoder", 0.25), ("denoiser", 0.45), ("control", 0.3)
    ]  # fmt: skip
    state = MEMBER.build(recipe, columns=(2,), seed=1, device="cpu")
    batches = _Discs(4)
    for stage in stages[1:]:
        MEMBER.enter_stage(state, stage, batches, first=0)
    before = {name: weight.clone() for name, weight in state.networks["generator"].named_parameters()}
    losses = MEMBER.update(
        state, [batches[3]], stage=stages[2], step=40, progress=0.2, generator=torch.Generator().manual_seed(1)
    )
    assert set(losses) == {"generator_control", "skipped"} and losses["skipped"] == 0
    after = dict(state.networks["generator"].named_parameters())
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"control"}


def test_the_branch_starts_from_the_averaged_denoiser():
    recipe = _recipe(images_total=160)
    schedule = Schedule(recipe, MEMBER)
    state = MEMBER.build(recipe, columns=(2,), seed=1, device="cpu")
    begin = schedule.lengths()[0]
    list(run_updates(state, MEMBER, _Discs(4), schedule=schedule, last_step=begin, seed=1))
    averaged = {k: v.clone() for k, v in state.averages["generator"].denoiser.state_dict().items()}
    list(run_updates(state, MEMBER, _Discs(4), schedule=schedule, last_step=begin + 1, seed=1))
    generator = state.networks["generator"]
    assert all(torch.equal(averaged[key], value) for key, value in generator.denoiser.state_dict().items())
    branch, kept = generator.control.network.state_dict(), "down_blocks.0.resnets.0.conv1.conv.weight"
    assert torch.allclose(branch[kept], averaged[f"network.{kept}"], atol=0.01)


def test_an_unknown_mask_teaches_what_a_blank_one_does():
    recipe = _recipe(settings={"mask_dropout": 0.0, "class_ablation": 0.0})
    images, domains, masks = _discs(4, generator=torch.Generator().manual_seed(2))
    found = []
    for shown in (torch.full_like(masks, NO_MASK), torch.zeros_like(masks), masks):
        state = MEMBER.build(recipe, columns=(2,), seed=1, device="cpu")
        for weight in state.networks["generator"].parameters():
            torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(3))
        batch = Batch(images=images, labels=domains, masks=shown)
        stage = MEMBER.stages(recipe)[-1]
        losses = MEMBER.update(
            state, [batch], stage=stage, step=40, progress=0.2, generator=torch.Generator().manual_seed(1)
        )
        found.append(float(losses["generator_control"]))
    assert found[0] == found[1] != found[2]


def test_masks_steer_the_domain_of_which_none_is_known():
    recipe = _recipe(images_total=9600, batch_size=16, ema_half_life_images=500, settings={"control_share": 0.5})
    schedule = Schedule(recipe, MEMBER)
    state = MEMBER.build(recipe, columns=(2,), seed=1, device="cpu")
    list(run_updates(state, MEMBER, _Discs(16), schedule=schedule, last_step=schedule.total, seed=1))
    _, _, masks = _discs(24, generator=torch.Generator().manual_seed(10_000))
    noise = torch.randn(24, *MEMBER.latent_shape(recipe), generator=torch.Generator().manual_seed(2))
    network = state.averages["generator"].eval()
    with torch.inference_mode():
        for domain, brightness in ((0, (0.8, -1.0)), (1, (0.4, -0.4))):
            told = torch.full((24,), domain)
            steered, free = (_inside_and_outside(network(noise, told, by), masks) for by in (masks, None))
            for found, wanted in zip(steered, brightness, strict=True):
                assert abs(found.mean() - wanted) < 0.35
            assert (steered[0] - steered[1] > 0.5).float().mean() > 0.9
            assert (free[0] - free[1] > 0.5).float().mean() < 0.6, "masks are why"


def _inside_and_outside(images: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    pairs = list(zip(images[:, 0], masks, strict=True))
    return tuple(torch.stack([image[mask == part].mean() for image, mask in pairs]) for part in (1, 0))


def test_shares_that_leave_nothing_to_the_denoiser_are_refused():
    settings = {"autoencoder": "kl", "autoencoder_width": 8, "autoencoder_share": 0.7}
    with pytest.raises(ConfigError, match="are 1 together"):
        MEMBER.stages(_recipe(settings=settings))
