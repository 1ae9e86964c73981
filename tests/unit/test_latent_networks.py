"""The parts of a latent diffusion model."""

from __future__ import annotations

import pytest
import torch

from mrisynth.networks.context_tokens import ContextTokens
from mrisynth.networks.covariate_columns import CovariateColumns
from mrisynth.networks.denoiser import Denoiser
from mrisynth.networks.folded import fold, unfold
from mrisynth.networks.latent_autoencoder import FoldedVoxels, LatentAutoencoder
from mrisynth.networks.unet_shape import UnetShape

NAN = float("nan")


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("edge", [1, 2, 4])
def test_folding_loses_nothing(dimensions, edge):
    images = torch.randn(2, 3, *[8] * dimensions)
    folded = fold(images, edge)
    assert folded.shape == (2, 3 * edge**dimensions, *[8 // edge] * dimensions)
    assert torch.equal(unfold(folded, edge), images)


def test_a_block_of_pixels_becomes_the_channels_of_its_place():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert fold(image, 2)[0, :, 0, 1].tolist() == [2, 3, 6, 7]
    assert torch.equal(fold(image, 2), torch.nn.functional.pixel_unshuffle(image, 2))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_latents_have_the_edge_and_channels_that_are_asked_for(dimensions):
    autoencoder = LatentAutoencoder(
        dimensions=dimensions, channels=1, patch=2, widths=[8, 16], blocks=1, latent_channels=3
    )
    images = torch.randn(2, 1, *[16] * dimensions)
    mean, deviation = autoencoder.encode(images)
    assert mean.shape == deviation.shape == (2, 3, *[4] * dimensions)
    assert (deviation > 0).all()
    assert autoencoder.decode(mean).shape == images.shape


def test_without_an_autoencoder_latents_are_the_voxels():
    voxels = FoldedVoxels(dimensions=3, channels=1, patch=2)
    images = torch.randn(2, 1, 8, 8, 8)
    latents, deviation = voxels.encode(images)
    assert latents.shape == (2, voxels.latent_channels, 4, 4, 4) and not deviation.any()
    assert torch.equal(voxels.decode(latents), images)


@pytest.mark.parametrize(("dimensions", "tokens"), [(2, 0), (2, 3), (3, 2)])
def test_a_denoiser_starts_from_nothing_and_hears_time_and_context(dimensions, tokens):
    torch.manual_seed(0)
    shape = UnetShape(
        dimensions=dimensions, channels=4, widths=[16, 32], blocks=1, attention_from=1, head_width=16, tokens=tokens,
        token_width=8,
    )  # fmt: skip
    denoiser = Denoiser(shape)
    latents, times = torch.randn(2, 4, *[8] * dimensions), torch.tensor([0.2, 0.2])
    context = torch.randn(2, tokens, 8) if tokens else None
    assert not denoiser(latents, times, context).any()  # its last layer begins with zeros
    for weight in denoiser.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    said = denoiser(latents, times, context)
    assert said.shape == latents.shape
    assert not torch.allclose(said, denoiser(latents, times + 0.5, context), atol=1e-4)
    if tokens:
        assert not torch.allclose(said, denoiser(latents, times, context.flip(0)), atol=1e-4)
        denoiser.network.class_embedding = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(tokens * 8, 64))
        torch.nn.init.zeros_(denoiser.network.class_embedding[1].weight)  # attention alone hears it, too
        said = denoiser(latents, times, context)
        assert not torch.allclose(said, denoiser(latents, times, context.flip(0)), atol=1e-5)


def test_tokens_of_categories():
    tokens = ContextTokens((2, 3), width=4)
    known = tokens(torch.tensor([0, 1, 3]))  # (0, 0), (0, 1), (1, 0)
    assert known.shape == (3, 2, 4)
    assert torch.equal(known[0, 0], known[1, 0]) and not torch.equal(known[0, 1], known[1, 1])
    assert torch.equal(known[0, 1], known[2, 1])
    hidden = tokens(torch.tensor([0, 1, 3]), torch.tensor([[True, False]] * 3))
    assert torch.equal(hidden[0, 0], hidden[2, 0]) and torch.equal(hidden[:, 1], known[:, 1])
    nothing = tokens(torch.tensor([-1]))
    assert torch.equal(nothing[0, 0], hidden[0, 0])


def test_tokens_of_covariates():
    tokens = ContextTokens(CovariateColumns((2, 0, 2)), width=4)  # two sources, a number, a binary
    rows = torch.tensor([[0, 0.5, 1], [1, 0.5, 0], [1, NAN, NAN], [0, 0.50001, 1]])
    found = tokens(rows)
    assert found.shape == (4, 3, 4) and torch.isfinite(found).all()
    assert torch.equal(found[0, 1], found[1, 1])  # a number means the same in every source
    assert torch.equal(found[1, 0], found[2, 0]) and not torch.equal(found[0, 0], found[1, 0])
    assert not torch.equal(found[1, 1], found[2, 1])
    assert torch.allclose(found[0, 1], found[3, 1], atol=1e-3) and not torch.equal(found[0, 1], found[3, 1])
    hidden = tokens(rows, torch.tensor([[False, True, True]] * 4))
    assert torch.equal(hidden[0, 1:], found[2, 1:])


def test_missing_is_not_zero():
    tokens = ContextTokens(CovariateColumns((1, 0)), width=4)
    found = tokens(torch.tensor([[0, 0.0], [0, NAN]]))
    assert not torch.allclose(found[0, 1], found[1, 1], atol=1e-3)
