"""From images to latents and back: a variational autoencoder, or none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from mrisynth.networks.folded import fold, unfold
from mrisynth.networks.slab_decoding import decode_in_slabs

GROUPS = 8


class LatentAutoencoder(nn.Module):
    """An autoencoder with a normal latent at every place (Kingma and Welling 2014; Rombach et al. 2022).

    Blocks of ``patch`` voxels a side are folded into channels before the first layer: at full resolution a layer costs
    more than all the others together.

    Args:
        dimensions: 2 or 3.
        channels: of an image.
        patch: edge of those blocks.
        widths: channels of each level; every level but the last halves the edge.
        blocks: residual blocks a level.
        latent_channels: of the latents.
    """

    def __init__(
        self, *, dimensions: int, channels: int, patch: int, widths: Sequence[int], blocks: int, latent_channels: int
    ) -> None:
        super().__init__()
        from monai.networks.nets import AutoencoderKL

        folded = channels * patch**dimensions
        self.patch, self.latent_channels = patch, latent_channels
        self.network = AutoencoderKL(
            dimensions,
            in_channels=folded,
            out_channels=folded,
            num_res_blocks=blocks,
            channels=widths,
            attention_levels=[False] * len(widths),
            latent_channels=latent_channels,
            norm_num_groups=GROUPS,
            with_encoder_nonlocal_attn=False,
            with_decoder_nonlocal_attn=False,
        )

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the standard deviation of the latents of images in [-1, 1]."""
        return self.network.encode(fold(images, self.patch))

    def decode(self, latents: Tensor, *, slabs: int = 1) -> Tensor:
        """Return the images of latents; training keeps them near [-1, 1], nothing holds them there.

        Args:
            latents: [batch, latent_channels, n, ...].
            slabs: above 1 each image is decoded in so many slabs, see :mod:`mrisynth.networks.slab_decoding`.
        """
        if slabs == 1:
            return unfold(self.network.decode(latents), self.patch)
        blocks, begun = list(self.network.decoder.blocks), self.network.post_quant_conv(latents)
        finish = partial(unfold, edge=self.patch)
        made = [decode_in_slabs(blocks, one[None], slabs=slabs, finish=finish) for one in begun]
        return torch.cat(made)


class FoldedVoxels(nn.Module):
    """No autoencoder: the latents are the voxels, blocks of ``patch`` a side folded into channels."""

    def __init__(self, *, dimensions: int, channels: int, patch: int) -> None:
        super().__init__()
        self.patch, self.latent_channels = patch, channels * patch**dimensions

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the voxels, and zeros for their deviations."""
        voxels = fold(images, self.patch)
        return voxels, torch.zeros_like(voxels)

    def decode(self, latents: Tensor, *, slabs: int = 1) -> Tensor:
        """Return the images; there is nothing to do slab by slab."""
        return unfold(latents, self.patch)
