"""A small network that measures covariates in slices."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LAST_EDGE = 4
_WIDEST = 96
_HALVED_FROM = 65  # pixels; larger slices are halved by the first layer


class CovariateRegressor(nn.Module):
    """Pairs of 3 x 3 convolutions down to maps of 4 x 4, then one linear layer over all places and channels.

    Takes [n, 1, row, column] with a mean of about 0 and a spread of about 1, and returns [n, outputs]. Places are kept,
    for the left hippocampus is not the right one. Norms are over the batch while training, so that in use the answer
    for an image depends on no other; norms of single images would hide how bright and how large things are.

    Args:
        outputs: numbers a slice.
        size: edge of the slices in pixels, 16 or more.
        width: channels of the first level; each level has twice as many, 96 at most.
        dropout: share of the last features that is left out while training.
    """

    def __init__(self, outputs: int, *, size: int, width: int = 16, dropout: float = 0.3) -> None:
        super().__init__()
        first = 2 if size >= _HALVED_FROM else 1
        layers, channels, edge = _layer(1, width, stride=first), width, -(-size // first)
        while edge > _LAST_EDGE:
            after = min(2 * channels, _WIDEST)
            layers += _layer(channels, after, stride=2) + _layer(after, after, stride=1)
            channels, edge = after, -(-edge // 2)
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels * edge**2, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Return the outputs; see the class."""
        return self.head(self.layers(images))


def shifted(images: Tensor, *, pixels: float, generator: torch.Generator) -> Tensor:
    """Return images [n, channels, row, column], each moved by up to so many pixels along rows and columns.

    Drawn evenly and resampled linearly; what comes from outside is 0.
    """
    reach = torch.tensor([2.0 * pixels / images.shape[3], 2.0 * pixels / images.shape[2]])
    moves = (2.0 * torch.rand(len(images), 2, generator=generator) - 1.0) * reach
    transforms = torch.eye(2, 3).repeat(len(images), 1, 1)
    transforms[:, :, 2] = moves
    grid = nn.functional.affine_grid(transforms.to(images), list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


def _layer(inputs: int, outputs: int, *, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
