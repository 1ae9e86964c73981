"""Augmentation of the images that critics see, reals and fakes alike; differentiable, and fit for brains.

A critic that sees few scans learns them by heart; one that sees every image moved, turned, scaled and re-toned a little
does not, and what it asks of the generator stays unmoved as long as some images are left as they are (Karras et al.
2020, "Training generative adversarial networks with limited data"; Zhao et al. 2020, DiffAugment). The ranges keep a
brain a brain: no quarter turns, no mirroring up-down or front-back, no cutting out. The random draw stands apart from
its application, so that the volume, a slab of it and its low-resolution copy can be moved alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from mrisynth.errors import ConfigError

_KINDS = ("shift", "rotation", "scale", "gamma", "flip")
_NUMBERS_PER_IMAGE = len(_KINDS) + 6  # one for each kind, whether it is applied; then shift y, shift z, the others
_DARKEST = 1e-3  # share of the intensity range below which gamma is a straight line, so that its slope stays finite
_BILINEAR, _ZEROS = 0, 0  # how torch numbers its ways of interpolation and of padding


@dataclass(frozen=True, kw_only=True)
class AugmentationRange:
    """How far an image may be changed; every change is uniform within its range and centred on none.

    Attributes:
        shift: largest shift along each axis of the plane, as a share of its (longest) edge.
        rotation_deg: largest rotation in the plane, in degrees.
        scale: largest |log2| of the scale in the plane, the same along both axes.
        gamma: largest |log| of the exponent of the intensities scaled to 0 .. 1.
        flip: whether left and right may change places; only right when no condition tells the sides apart.
    """

    shift: float = 0.05
    rotation_deg: float = 10.0
    scale: float = 0.10
    gamma: float = 0.2
    flip: bool


@dataclass(frozen=True)
class AugmentationDraw:
    """What is done to each image of a batch; tensors on the CPU, first axis [batch].

    Attributes:
        matrix: float32 [batch, 2, 3]; from a place (y, z, 1) of the result to the place (y, z) of the image that it
            shows. Places are counted from the centre of the plane, in halves of its longest edge.
        exponent: float32 [batch], the exponent of the intensities scaled to 0 .. 1.
        flipped: bool [batch], whether left and right change places.
    """

    matrix: Tensor
    exponent: Tensor
    flipped: Tensor

    @staticmethod
    def identity(batch: int) -> AugmentationDraw:
        """Return the draw that leaves all images of a batch as they are."""
        matrix = torch.eye(2, 3).expand(batch, 2, 3).clone()
        return AugmentationDraw(matrix, torch.ones(batch), torch.zeros(batch, dtype=torch.bool))

    def part(self, rows: slice) -> AugmentationDraw:
        """Return the draw of some rows of the batch."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def draw_augmentation(
    ranges: AugmentationRange, batch: int, *, strength: float, generator: torch.Generator
) -> AugmentationDraw:
    """Draw what is done to each image of a batch.

    Each kind of change (shift, rotation, scale, gamma, flip) is applied to each image with probability ``strength``,
    the p of Karras et al. 2020. A flip that is applied mirrors half of the images.

    Args:
        ranges: how far images may be changed.
        batch: number of images.
        strength: 0 .. 1.
        generator: on the CPU; gives the same count of numbers whatever the ranges and the strength.

    Raises:
        ConfigError: for a strength outside 0 .. 1.
    """
    if not 0.0 <= strength <= 1.0:
        raise ConfigError(f"The augmentation strength is {strength}; expected a probability, 0 to 1.")
    numbers = torch.rand(batch, _NUMBERS_PER_IMAGE, generator=generator)
    applied = dict(zip(_KINDS, (numbers[:, : len(_KINDS)] < strength).unbind(1), strict=True))
    amounts = numbers[:, len(_KINDS) :]
    centred = 2 * amounts - 1
    shift = ranges.shift * centred[:, :2] * applied["shift"][:, None]
    angle = math.radians(ranges.rotation_deg) * centred[:, 2] * applied["rotation"]
    scale = torch.exp2(ranges.scale * centred[:, 3] * applied["scale"])
    exponent = torch.exp(ranges.gamma * centred[:, 4] * applied["gamma"])
    flipped = applied["flip"] & (amounts[:, 5] < 0.5) & ranges.flip
    return AugmentationDraw(_matrix(shift, angle, scale), exponent, flipped)


def augment(images: Tensor, draw: AugmentationDraw) -> Tensor:
    """Change images as drawn; differentiable in the images, twice, so that penalties may look through it.

    Every slice along x is moved alike in its plane (y, z), so a slab cut along x changes as it does inside the whole
    volume, and a low-resolution copy of the whole field of view as the volume does. A flip mirrors what it is given: a
    slab that begins at x is, once flipped, one of the mirrored volume that begins at ``size - depth - x``. Shift,
    rotation and scale are about the centre of the plane and stay so in planes that are not square; voxels count as
    cubic. What comes from outside is background.

    Args:
        images: [batch, 1, x, y, z] in [-1, 1]; computed in 32-bit floats at least, whatever the precision around.
        draw: of the same batch.

    Returns:
        Images of the same shape, type and device; an image with an identity draw is returned exactly.
    """
    moved = (draw.matrix != torch.eye(2, 3)).flatten(1).any(dim=1)
    toned = draw.exponent != 1
    changed = images.to(torch.promote_types(images.dtype, torch.float32))
    if draw.flipped.any():
        changed = torch.where(_per_image(draw.flipped, images), changed.flip(2), changed)
    if moved.any():
        changed = torch.where(_per_image(moved, images), _resampled(changed, draw.matrix), changed)
    if toned.any():
        exponent = _per_image(draw.exponent, images).to(changed.dtype)
        changed = torch.where(_per_image(toned, images), _with_gamma(changed, exponent), changed)
    return changed.to(images.dtype)


def strength_at(kind: str, *, most: float, images_seen: int, ramp_images: int) -> float:
    """Return the strength at a point of a training when it does not depend on the critic.

    Args:
        kind: ``none``: 0; ``fixed``: ``most`` throughout; ``ramp``: from 0 to ``most`` over ``ramp_images``, as in
            R3GAN (Huang et al. 2024).
        most: the largest strength, 0 .. 1.
        images_seen: images seen so far.
        ramp_images: images over which the strength grows; 0 gives ``most`` from the start.

    Raises:
        ConfigError: for another kind.
    """
    if kind == "none":
        return 0.0
    if kind == "fixed":
        return most
    if kind == "ramp":
        return most * min(1.0, images_seen / ramp_images) if ramp_images > 0 else most
    raise ConfigError(f"The augmentation schedule is {kind!r}; expected none, fixed or ramp.")


def adapted(
    strength: float, *, sign: float, images: int, target: float = 0.6, images_to_full: int, most: float
) -> float:
    """Return the strength after some more images, moved by how sure the critic is of the reals (Karras et al. 2020).

    Args:
        strength: before.
        sign: mean of sign(D(real)) over these images, -1 .. 1; 0 for a critic that guesses, 1 for one that knows all.
        images: real images since the last change.
        target: the sign that is aimed at; above it the strength grows, else it shrinks.
        images_to_full: images that move the strength by 1.
        most: the largest strength, 0 .. 1.
    """
    step = images / images_to_full
    return min(max(strength + (step if sign > target else -step), 0.0), most)


def _matrix(shift: Tensor, angle: Tensor, scale: Tensor) -> Tensor:
    """Return [batch, 2, 3]: first shifted back, then turned and scaled back; a shift of 1 is two half edges."""
    turn = torch.stack([angle.cos(), angle.sin(), -angle.sin(), angle.cos()], dim=1).view(-1, 2, 2)
    linear = turn / scale[:, None, None]
    offset = -(linear * (2 * shift[:, None, :])).sum(dim=2, keepdim=True)
    return torch.cat([linear, offset], dim=2)


def _per_image(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images.device).view(-1, *[1] * (images.dim() - 1))


def _with_gamma(images: Tensor, exponent: Tensor) -> Tensor:
    """Raise intensities in 0 .. 1 to a power; below the darkest, and below 0, along the line from 0 to there."""
    unit = (images + 1) / 2
    return 2 * unit * unit.clamp(min=_DARKEST) ** (exponent - 1) - 1


def _resampled(images: Tensor, matrix: Tensor) -> Tensor:
    grid = _sampling_grid(matrix.to(images.device, images.dtype), height=images.shape[3], width=images.shape[4])
    return (_Sampled.apply(images[:, 0] + 1, grid) - 1)[:, None]


def _sampling_grid(matrix: Tensor, *, height: int, width: int) -> Tensor:
    """Return where each voxel of the result looks, [batch, y, z, 2], in torch's order (z, y) and in half edges.

    Written out, as in :func:`_matrix`: autocast rounds the factors of a matrix product, and so may a GPU.
    """
    longest = max(height, width)
    y = _centres(height, matrix)[:, None] * (height / longest)
    z = _centres(width, matrix)[None, :] * (width / longest)
    row_y, row_z = matrix[:, :, :, None, None].unbind(1)
    from_y = row_y[:, 0] * y + row_y[:, 1] * z + row_y[:, 2]
    from_z = row_z[:, 0] * y + row_z[:, 1] * z + row_z[:, 2]
    return torch.stack([from_z * (longest / width), from_y * (longest / height)], dim=-1)


def _centres(count: int, like: Tensor) -> Tensor:
    return (torch.arange(count, device=like.device, dtype=like.dtype) * 2 + 1) / count - 1


class _Sampled(torch.autograd.Function):
    """Bilinear sampling at a fixed grid, zero outside; linear in its images, so its slope can itself be derived.

    torch's own grid_sample cannot be derived twice.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        return torch.grid_sampler_2d(images, grid, _BILINEAR, _ZEROS, False)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _Spread.apply(slope, grid), None


class _Spread(torch.autograd.Function):
    """The transpose of :class:`_Sampled`: every value goes back to the voxels that it came from."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        back, _ = torch.ops.aten.grid_sampler_2d_backward(
            slope, torch.empty_like(slope), grid, _BILINEAR, _ZEROS, False, [True, False]
        )
        return back

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _Sampled.apply(slope, grid), None
