"""Decoding in slabs gives the numbers of decoding at once."""

from __future__ import annotations

import pytest
import torch

from mrisynth.networks.latent_autoencoder import LatentAutoencoder


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("widths", "blocks", "patch"), [([8], 1, 2), ([8, 16], 1, 1), ([8, 16, 16], 2, 2)])
@pytest.mark.parametrize("slabs", [2, 5])
def test_slabs_make_the_image_of_the_whole(dimensions, widths, blocks, patch, slabs):
    torch.manual_seed(1)
    autoencoder = LatentAutoencoder(
        dimensions=dimensions, channels=1, patch=patch, widths=widths, blocks=blocks, latent_channels=3
    ).eval()
    for weight in autoencoder.parameters():
        torch.nn.init.normal_(weight, mean=0.05, std=0.2)  # norms with weights and shifts of their own
    latents = torch.randn(2, 3, 12, *[4] * (dimensions - 1)) + 0.5
    with torch.no_grad():
        whole, parted = autoencoder.decode(latents), autoencoder.decode(latents, slabs=slabs)
        again = autoencoder.decode(latents)
    assert whole.shape == parted.shape
    assert torch.allclose(whole, parted, rtol=1e-3, atol=1e-3 * float(whole.abs().max()))
    assert torch.equal(whole, again), "the norms are their old selves again"
