"""Small building blocks that the networks share."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm as _spectral_norm

GROUPS = 8
LEAK = 0.2


def group_norm(channels: int) -> nn.GroupNorm:
    """Return a group norm of 8 groups, or fewer where 8 does not divide the channels."""
    return nn.GroupNorm(gcd(GROUPS, channels), channels)


class ChannelRMSNorm(nn.Module):
    """Divides every voxel's channel vector by its root mean square, then scales and shifts each channel.

    It uses no statistics over space, so that a slab is normalised exactly as the same slab of a whole volume.
    Shapes: [batch, channels, x, y, z] in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return the normalised features."""
        mean_square = features.float().square().mean(dim=1, keepdim=True)
        scale, shift = (channel.view(-1, 1, 1, 1) for channel in (self.weight, self.bias))
        return features * torch.rsqrt(mean_square + 1e-6).to(features.dtype) * scale + shift


class DoublingConvolution(nn.Conv3d):
    """Nearest-neighbour upsampling to twice the size, then a 3 x 3 x 3 convolution, without the upsampled tensor.

    The kernel is folded into one of 8 times the output channels at the input's size, whose outputs are the eight
    voxels of each doubled voxel: the same numbers (zero padding too) for an eighth of the memory between.
    Shapes: [batch, inputs, x, y, z] in, [batch, outputs, 2x, 2y, 2z] out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        fold = torch.zeros(2, 3, 3)  # voxel of the pair, neighbour at the input's size, tap of the kernel
        fold[0, 0, 0] = fold[0, 1, 1] = fold[0, 1, 2] = 1
        fold[1, 1, 0] = fold[1, 1, 1] = fold[1, 2, 2] = 1
        self.register_buffer("fold", fold, persistent=False)

    def forward(self, volumes: Tensor) -> Tensor:
        """Return the convolution of the doubled volumes."""
        kernel = torch.einsum("aid,bje,ckf,oxdef->oabcxijk", *[self.fold] * 3, self.weight).flatten(0, 3)
        voxels = functional.conv3d(volumes, kernel, self.bias.repeat_interleave(8), padding=1)
        pairs = voxels.unflatten(1, (self.out_channels, 2, 2, 2)).permute(0, 1, 5, 2, 6, 3, 7, 4)
        return pairs.flatten(6, 7).flatten(4, 5).flatten(2, 3)


def convolution_block(inputs: int, outputs: int, *, norm: Callable[[int], nn.Module] = group_norm) -> nn.Sequential:
    """Return a 3 x 3 x 3 convolution, a norm and a rectifier; the size stays."""
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, padding=1), norm(outputs), nn.ReLU())


def doubled() -> nn.Upsample:
    """Return nearest-neighbour upsampling to twice the size."""
    return nn.Upsample(scale_factor=2, mode="nearest")


def critic_layer(layer: nn.Module, *, spectral_norm: bool) -> nn.Module:
    """Return the layer, with its weight divided by its largest singular value when ``spectral_norm`` is set."""
    return _spectral_norm(layer) if spectral_norm else layer
