"""The levels of a progressive model: it learns small images first, then twice as large ones, and so on.

Karras et al. 2018 (arXiv:1710.10196): the layers of a new level are faded in over the first part of its training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional

SMALLEST = 4
FIRST_ALPHA = 1e-5


def level_sizes(size: int, *, first: int = SMALLEST) -> list[int]:
    """Return the edges of the images of all levels in order, ``first`` to ``size``, both powers of two from 4 on.

    Raises:
        ValueError: for other numbers.
    """
    for edge in (first, size):
        if edge < SMALLEST or edge & (edge - 1):
            raise ValueError(f"the edge of a level is {edge}; expected a power of 2 from {SMALLEST} on")
    if first > size:
        raise ValueError(f"the first level, {first}, is larger than the images, {size}")
    return [first << step for step in range(level_number(size) - level_number(first) + 1)]


def level_number(edge: int) -> int:
    """Return the number of a level: 0 for images of 4 x 4, 1 for 8 x 8 and so on."""
    return int(log2(edge)) - 2


def level_widths(size: int, *, width: int, factors: Sequence[float]) -> list[int]:
    """Return the channels at each level from 4 to ``size``: ``width`` times the level's factor, at least 1.

    Raises:
        ValueError: when there are fewer factors than levels.
    """
    levels = len(level_sizes(size))
    if len(factors) < levels:
        raise ValueError(f"{len(factors)} factors for the {levels} levels from {SMALLEST} to {size}")
    return [max(1, int(width * factor)) for factor in factors[:levels]]


def fade_alpha(progress: float, *, share: float, fades: bool) -> float:
    """Return how far a level is faded in, from 1e-5 to 1.

    Args:
        progress: share of the level's training that is done, 0 to 1.
        share: part of it over which alpha rises evenly to 1.
        fades: whether this level is faded in at all; the first has nothing to fade from.
    """
    return min(1.0, FIRST_ALPHA + progress / share) if fades and share > 0 else 1.0


def to_edge(images: Tensor, edge: int) -> Tensor:
    """Return images [batch, channels, row, column] at another edge: area averages, or repeated pixels."""
    if images.shape[-1] > edge:
        return functional.avg_pool2d(images, images.shape[-1] // edge)
    return functional.interpolate(images, size=(edge, edge), mode="nearest") if images.shape[-1] < edge else images


class Levelled(nn.Module):
    """A network that knows its present level, in two buffers that are saved, averaged and exported with it.

    The buffers stay on the CPU whatever device the weights are on: the level decides which layers run, and reading it
    must not wait for a GPU.

    Attributes:
        level: int64, edge of the images that it makes or scores at present.
        alpha: float32, how far that level is faded in; 1 is done.
    """

    level: Tensor
    alpha: Tensor

    def __init__(self, size: int, *, first: int = SMALLEST) -> None:
        super().__init__()
        self.size = size
        self.sizes = level_sizes(size)
        self.register_buffer("level", torch.tensor(first, device="cpu"))
        self.register_buffer("alpha", torch.tensor(1.0, device="cpu"))

    def set_level(self, level: int, alpha: float = 1.0) -> None:
        """Go to a level; ``alpha`` below 1 mixes in the level below.

        Raises:
            ValueError: for a level that the network does not have.
        """
        if level not in self.sizes:
            raise ValueError(f"no level {level}; there are {', '.join(map(str, self.sizes))}")
        self.level.fill_(level)
        self.alpha.fill_(alpha)

    def present(self) -> tuple[int, float]:
        """Return the number of the present level and alpha, which is 1 at the lowest."""
        number = self.sizes.index(int(self.level))
        return number, float(self.alpha) if number else 1.0

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Levelled:
        kept = {name: self._buffers[name] for name in ("level", "alpha")}
        super()._apply(fn, recurse)
        self._buffers |= kept
        return self
