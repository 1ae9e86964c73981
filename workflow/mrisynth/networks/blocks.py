"""Small building blocks that the networks share."""

from __future__ import annotations

from math import gcd

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm as _spectral_norm

GROUPS = 8
LEAK = 0.2
_FOLDED_FROM_VOXELS = 512  # 8 cubed


def group_norm(channels: int, *, groups: int = GROUPS) -> nn.GroupNorm:
    """Return a group norm of that many groups, or fewer where they do not divide the channels."""
    return nn.GroupNorm(gcd(groups, channels), channels)


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
    """Nearest-neighbour upsampling to twice the size, then a 3 x 3 x 3 convolution, in one transposed convolution.

    Each voxel of the doubled volume sees only two input voxels along an axis, so the kernel folds into a transposed
    one of 4 x 4 x 4 and stride 2: the same numbers (zero padding too) for 8 products an output instead of 27, and
    no upsampled tensor in memory. Small cubes, where folding costs more than it saves, are upsampled as they are.
    Shapes: [batch, inputs, x, y, z] in, [batch, outputs, 2x, 2y, 2z] out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        taps = torch.zeros(4, 3)  # tap of the transposed kernel, tap of the kernel
        taps[0, 2] = taps[1, 1] = taps[1, 2] = taps[2, 0] = taps[2, 1] = taps[3, 0] = 1
        fold = torch.einsum("ad,be,cf->abcdef", taps, taps, taps).reshape(64, 27)
        self.register_buffer("fold", fold, persistent=False)

    def forward(self, volumes: Tensor) -> Tensor:
        """Return the convolution of the doubled volumes."""
        if volumes[0, 0].numel() < _FOLDED_FROM_VOXELS:
            return super().forward(functional.interpolate(volumes, scale_factor=2, mode="nearest"))
        with torch.autocast("cpu" if volumes.is_meta else volumes.device.type, enabled=False):
            folded = (self.weight.flatten(2) @ self.fold.T).unflatten(2, (4, 4, 4)).transpose(0, 1)
        return functional.conv_transpose3d(volumes, folded, self.bias, stride=2, padding=1)


class SmoothDoublingConvolution(nn.Conv3d):
    """Trilinear upsampling to twice the size, then a 3 x 3 x 3 convolution; shapes as the other."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, volumes: Tensor) -> Tensor:
        """Return the convolution of the doubled volumes."""
        return super().forward(functional.interpolate(volumes, scale_factor=2, mode="trilinear", align_corners=False))


DOUBLINGS: dict[str, type[nn.Conv3d]] = {"nearest": DoublingConvolution, "trilinear": SmoothDoublingConvolution}


def convolution_block(convolution: nn.Module, norm: nn.Module) -> nn.Sequential:
    """Return a convolution, a norm and a rectifier."""
    return nn.Sequential(convolution, norm, nn.ReLU())


def critic_layer(layer: nn.Module, *, spectral_norm: bool) -> nn.Module:
    """Return the layer, with its weight divided by its largest singular value when ``spectral_norm`` is set."""
    return _spectral_norm(layer) if spectral_norm else layer
