"""Augmentation of slices: that of volumes within its plane, and mirrored along the columns.

A slice is moved, turned, scaled and re-toned exactly as :mod:`mrisynth.training.augmentation` does it to each slice of
a volume along x; the channels of an image take the place of x and so move together. What differs is which axis runs
from left to right: in an axial or coronal slice it is the columns.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from mrisynth.training.augmentation import AugmentationDraw, augment


def augment_slices(images: Tensor, draw: AugmentationDraw) -> Tensor:
    """Change slices as drawn; differentiable in the images, twice, so that penalties may look through it.

    A flip mirrors the columns, before anything else; rows are never turned upside down. Shift, rotation and scale are
    in (row, column), about the centre; pixels count as square. What comes from outside is background, -1.

    Args:
        images: [batch, channels, row, column] in [-1, 1]; computed in 32-bit floats at least.
        draw: of the same batch, from :func:`mrisynth.training.augmentation.draw_augmentation`.

    Returns:
        Images of the same shape, type and device; an image with an identity draw is returned exactly.
    """
    mirrored = images
    if draw.flipped.any():
        mirrored = torch.where(draw.flipped.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)
    in_plane = replace(draw, flipped=torch.zeros_like(draw.flipped))
    return augment(mirrored[:, None], in_plane)[:, 0]
