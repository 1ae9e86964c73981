"""Strong random changes of the brightness of images, so that a segmenter learns shapes and not one scanner's contrast.

The draw stands apart from its application. What is outside the head (brightness 0) stays so but for noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_KNOTS = 7
_FIELD_EDGE = 4


@dataclass(frozen=True, kw_only=True)
class IntensityRange:
    """How far the brightness may be changed.

    Attributes:
        curve: how often an image gets a curve of brightness without any order, as another contrast would.
        gamma: largest |log| of the exponent of those without a curve.
        gain: largest |log| of a factor.
        bias: standard deviation of the log of a smooth field of factors.
        noise: largest standard deviation of noise, of a brightness of 0 to 1.
        blur: largest share of the image that is replaced by a blurred one, 0..1.
    """

    curve: float = 0.3
    gamma: float = 0.7
    gain: float = 0.3
    bias: float = 0.2
    noise: float = 0.06
    blur: float = 0.7


@dataclass(frozen=True)
class IntensityDraw:
    """What is done to each image of a batch; tensors on the CPU.

    Attributes:
        curve: [batch, knots], brightness that 0, ..., 1 in even steps become.
        field: [batch, 1, 4, 4] or [batch, 1, 4, 4, 4], logarithm of the factors on a coarse grid over the image.
        noise: [batch, 1, ...], added.
        blur: [batch], share of the blurred image.
    """

    curve: Tensor
    field: Tensor
    noise: Tensor
    blur: Tensor


def draw_intensity(ranges: IntensityRange, shape: tuple[int, ...], *, generator: torch.Generator) -> IntensityDraw:
    """Draw what is done to images of a shape [batch, 1, ...] in two or three dimensions.

    Args:
        ranges: how far.
        shape: of the batch.
        generator: on the CPU; the count of numbers drawn depends on the shape alone.
    """
    batch, axes = shape[0], len(shape) - 2
    numbers = torch.rand(batch, 5, generator=generator)
    centred = 2 * numbers - 1
    steps = torch.linspace(0, 1, _KNOTS)
    graded = steps ** torch.exp(ranges.gamma * centred[:, :1])
    free = 0.05 + 0.95 * torch.rand(batch, _KNOTS, generator=generator)
    free[:, 0] = 0.0
    curve = torch.where(numbers[:, 1:2] < ranges.curve, free, graded)
    field = torch.randn(batch, 1, *[_FIELD_EDGE] * axes, generator=generator)
    noise = torch.randn(shape, generator=generator) * (ranges.noise * numbers[:, 2]).view(-1, *[1] * (axes + 1))
    gain = (ranges.gain * centred[:, 3]).view(-1, *[1] * (axes + 1))
    return IntensityDraw(curve, ranges.bias * field + gain, noise, ranges.blur * numbers[:, 4])


def change_intensity(images: Tensor, draw: IntensityDraw) -> Tensor:
    """Return images [batch, 1, ...] of brightness 0..1 as drawn: blur, curve, smooth factors, noise, in that order.

    Returns:
        Of the same shape, not clipped.
    """
    device, axes = images.device, images.dim() - 2
    pool = functional.avg_pool2d if axes == 2 else functional.avg_pool3d
    blur = draw.blur.to(device).view(-1, *[1] * (axes + 1))
    images = torch.lerp(images, pool(images, 3, stride=1, padding=1), blur)
    images = _through_curve(images, draw.curve.to(device))
    mode = "bilinear" if axes == 2 else "trilinear"
    field = functional.interpolate(draw.field.to(device), size=images.shape[2:], mode=mode, align_corners=True)
    return images * field.exp() + draw.noise.to(device)


def _through_curve(images: Tensor, curve: Tensor) -> Tensor:
    place = images.flatten(1).clamp(0, 1) * (_KNOTS - 1)
    below = place.floor().long().clamp(max=_KNOTS - 2)
    low, high = curve.gather(1, below), curve.gather(1, below + 1)
    return torch.lerp(low, high, place - below).view_as(images)


def draw_shifts(batch: int, *, edges: tuple[int, ...], most: float, generator: torch.Generator) -> list[list[int]]:
    """Draw by how many voxels along each axis each image is moved, at most a share of its edge."""
    numbers = 2 * torch.rand(batch, len(edges), generator=generator) - 1
    reach = torch.tensor([math.floor(most * edge) for edge in edges])
    return (numbers * reach).round().long().tolist()


def shifted(images: Tensor, shifts: list[list[int]]) -> Tensor:
    """Return images [batch, channels, ...] moved by whole voxels; 0 comes in from outside."""
    moved, edges = torch.zeros_like(images), images.shape[2:]
    for row, steps in enumerate(shifts):
        to, source = (
            tuple(
                slice(max(sign * step, 0), edge + min(sign * step, 0)) for step, edge in zip(steps, edges, strict=True)
            )
            for sign in (1, -1)
        )
        moved[(row, slice(None), *to)] = images[(row, slice(None), *source)]
    return moved
