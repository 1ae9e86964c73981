"""The family of latent diffusion: its stages, its updates, and what it learns of blobs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.blobs import blobs, middle_rows

from mrisynth.errors import ConfigError
from mrisynth.models import family, latent_diffusion
from mrisynth.models.interface import Batch
from mrisynth.recipes import ModelRecipe
from mrisynth.training.batches import Batches
from mrisynth.training.loop import run_updates
from mrisynth.training.schedule import Schedule

SMALL = {"autoencoder_width": 8, "denoiser_width": 16, "denoiser_factors": [1, 2], "attention_from": 1, "steps": 4,
         "head_width": 16, "token_width": 8, "critic_width": 8, "critic_layers": 1}  # fmt: skip
MEMBER = family("latent_diffusion")


def _recipe(*, settings=None, **changes) -> ModelRecipe:
    entries = {"name": "model", "family": "latent_diffusion", "condition": "none", "size": 16, "dimensions": 2}
    entries |= {"images_total": 64, "images_per_chunk": 64, "batch_size": 4, "augmentation": "none"}
    return ModelRecipe(**entries | changes, family_recipe=SMALL | (settings or {}))


def _trained(recipe, images, labels, columns=(), *, until=None, state=None):
    schedule = Schedule(recipe, MEMBER)
    state = state or MEMBER.build(recipe, columns=columns, seed=1, device="cpu")
    batches = Batches(
        images, rows=np.arange(len(images)), labels=labels, batch_size=recipe.batch_size, seed=1, model="model",
        device="cpu",
    )  # fmt: skip
    rows = list(run_updates(state, MEMBER, batches, schedule=schedule, last_step=until or schedule.total, seed=1))
    return state, rows


def _blobs(count, size=16):
    found = blobs(count, size=size, generator=torch.Generator().manual_seed(5))
    return ((found.images[:, 0] + 1) * 127.5).round().byte().numpy(), found.labels.numpy()


@pytest.mark.parametrize(
    ("dimensions", "settings", "latent"),
    [(2, {}, (4, 4, 4)), (3, {}, (4, 4, 4, 4)), (3, {"autoencoder": "none"}, (8, 8, 8, 8)),
     (2, {"patch": 1, "autoencoder_factors": [1, 1, 2], "latent_channels": 3}, (3, 4, 4))],
)  # fmt: skip
def test_shapes(dimensions, settings, latent):
    recipe = _recipe(dimensions=dimensions, settings=settings)
    assert MEMBER.latent_shape(recipe) == latent
    network = MEMBER.network("generator", recipe, columns=(2,), seed=1)
    network.denoises.fill_(1)
    with torch.inference_mode():
        images, low = MEMBER.sample(network, torch.randn(2, *latent), torch.tensor([0, -1]))
    assert images.shape == (2, 1, *[16] * dimensions) and low.shape == (2, 1, *[4] * dimensions)
    assert images.abs().max() <= 1


@pytest.mark.parametrize("dimensions", [2, 3])
def test_each_stage_moves_its_own_networks(dimensions):
    recipe = _recipe(dimensions=dimensions, settings={"adversarial_from": 0.5})
    state = MEMBER.build(recipe, columns=(2, 3), seed=1, device="cpu")
    images = torch.rand(4, 1, *[16] * dimensions) * 2 - 1
    batch = Batch(images=images, labels=torch.tensor([0, 5, -1, -4]))

    def moved(stage, progress):
        kept = {f"{n}.{k}": w.clone() for n, net in state.networks.items() for k, w in net.named_parameters()}
        losses = MEMBER.update(
            state, [batch], stage=stage, step=30, progress=progress, generator=torch.Generator().manual_seed(1)
        )
        assert losses.pop("skipped") == 0 and all(torch.isfinite(loss) for loss in losses.values())
        now = {f"{n}.{k}": w for n, net in state.networks.items() for k, w in net.named_parameters()}
        return {".".join(key.split(".")[:2]) for key in kept if not torch.equal(kept[key], now[key])}, set(losses)

    first, second = MEMBER.stages(recipe)
    assert moved(first, 0.1) == ({"generator.autoencoder"}, {"generator_reconstruction", "divergence"})
    networks, losses = moved(first, 0.9)
    assert {name for name in networks if name.startswith("generator")} == {"generator.autoencoder"}
    assert any(name.startswith("critic") for name in networks)
    assert losses == {
        "generator_reconstruction", "divergence", "generator_patches", "generator_features", "critic_patches"
    }  # fmt: skip
    networks, losses = moved(second, 0.1)
    assert losses == {"generator_denoising"} and "generator.denoiser" in networks
    assert networks <= {"generator.denoiser", "generator.context"}


def test_a_critic_that_runs_out_of_memory_judges_the_same_reconstructions_in_parts(monkeypatch):
    recipe = _recipe(settings={"adversarial_from": 0.0})
    images = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1
    plain, shown = latent_diffusion.patch_critic_loss, []

    def small_memory(step, piece):
        shown.append(piece)
        if piece.stop - piece.start > 1:
            raise torch.OutOfMemoryError("out of memory")
        return plain(step, piece)

    found = []
    for loss in (plain, small_memory):
        monkeypatch.setattr(latent_diffusion, "patch_critic_loss", loss)
        state = MEMBER.build(recipe, columns=(), seed=1, device="cpu")
        losses = MEMBER.update(
            state, [Batch(images=images, labels=torch.full((4,), -1))], stage=MEMBER.stages(recipe)[0], step=30,
            progress=0.9, generator=torch.Generator().manual_seed(1),
        )  # fmt: skip
        found.append((losses, dict(state.networks["critic"].named_parameters())))
    assert shown[-4:] == [slice(number, number + 1) for number in range(4)] and state.stepper.parts == 4
    (losses, weights), (others, changed) = found
    assert losses.keys() == others.keys() and losses["skipped"] == 0
    assert all(torch.allclose(losses[name], others[name], rtol=1e-5) for name in losses)
    assert all(torch.allclose(weights[name], changed[name], atol=1e-5) for name in weights)


def test_the_denoiser_learns_normalised_means_of_the_averaged_autoencoder():
    images, labels = _blobs(24)
    recipe = _recipe()
    schedule = Schedule(recipe, MEMBER)
    begin = schedule.lengths()[0]
    state, _ = _trained(recipe, images, labels, until=begin)
    generator, average = state.networks["generator"], state.averages["generator"]
    raw, averaged = generator.autoencoder.state_dict(), average.autoencoder.state_dict()
    assert any(not torch.equal(raw[key], averaged[key]) for key in raw)
    assert not generator.denoises
    averaged = {key: value.clone() for key, value in averaged.items()}
    state, _ = _trained(recipe, images, labels, until=begin + 3, state=state)
    now = generator.autoencoder.state_dict()
    assert all(torch.equal(now[key], averaged[key]) for key in now)
    assert generator.denoises and average.denoises
    known = state.memory["latents"]
    some = torch.cat([known[row] for row in sorted(known)])
    again = generator.autoencoder.encode(torch.from_numpy(images[sorted(known)]).float()[:, None] / 127.5 - 1)[0]
    assert torch.allclose(some, again, atol=1e-5)
    normal = generator.normalised(again)
    assert normal.mean(dim=(0, 2, 3)).abs().max() < 0.3 and (normal.std(dim=(0, 2, 3)) - 1).abs().max() < 0.3
    assert torch.allclose(generator.restored(normal), again, atol=1e-5)


def test_a_training_that_stops_in_each_stage_ends_in_the_same_bits():
    images, labels = _blobs(24)
    recipe = _recipe()
    whole, _ = _trained(recipe, images, labels, (2,))
    begin = Schedule(recipe, MEMBER).lengths()[0]
    cut = None
    for until in (begin - 2, begin, begin + 3, None):
        if cut is not None:
            fresh = MEMBER.build(recipe, columns=(2,), seed=1, device="cpu")
            for part in ("networks", "averages", "optimisers"):
                for name, one in getattr(fresh, part).items():
                    one.load_state_dict(getattr(cut, part)[name].state_dict())
            fresh.step = cut.step
            cut = fresh
        cut, _ = _trained(recipe, images, labels, (2,), until=until, state=cut)
    for name, network in whole.averages.items():
        other = cut.averages[name].state_dict()
        assert all(torch.equal(value, other[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("objective", ["rectified_flow", "epsilon"])
def test_it_draws_blobs_where_it_is_told(objective):
    images, labels = _blobs(200)
    settings = {"objective": objective, "autoencoder": "none", "patch": 2, "steps": 20, "condition_dropout": 0.1}
    settings |= {"learning_rate_denoiser": 3e-3, "denoiser_factors": [1, 1], "head_width": 8, "guidance": 1.5}
    recipe = _recipe(settings=settings, images_total=9600, batch_size=16, ema_half_life_images=500)
    state, rows = _trained(recipe, images, labels, (2,))
    assert rows[-1]["generator_denoising"] < 0.5 * rows[0]["generator_denoising"]
    told = torch.arange(24) % 2
    noise = torch.randn(24, *MEMBER.latent_shape(recipe), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        drawn, _ = MEMBER.sample(state.averages["generator"], noise, told)
    found = middle_rows(drawn)
    assert found[told == 0].mean() == pytest.approx(0.3, abs=0.08)
    assert found[told == 1].mean() == pytest.approx(0.7, abs=0.08)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings": {"sampler": "ddim"}}, "objective rectified_flow expected euler or heun"),
        ({"settings": {"objective": "epsilon", "sampler": "euler"}}, "expected ddim or pndm"),
        ({"size": 8, "settings": {"denoiser_factors": [1, 1, 1]}}, "an edge of 2, which 2 halvings"),
        ({"settings": {"autoencoder_factors": [1, 1.5]}}, "the autoencoder would have 12 channels"),
        ({"settings": {"head_width": 24}}, "32 channels cannot be divided into heads of 24"),
        (
            {"dimensions": 3, "settings": {"autoencoder": "none", "patch": 4}},
            "16 channels, through which the noise of latents of 64",
        ),
        ({"settings": {"width": 3}}, "latent_diffusion has no setting width"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        MEMBER.latent_shape(_recipe(**changes)), MEMBER.network("generator", _recipe(**changes), columns=(), seed=0)
