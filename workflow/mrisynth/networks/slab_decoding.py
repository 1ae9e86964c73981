"""A decoder run slab by slab, with the numbers of the whole: memory holds one slab of its largest level at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

Finish = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Slab:
    """Where a slab lies along the first axis of space: with its margins, and without them."""

    begin: int
    end: int
    core_begin: int
    core_end: int

    def core_of(self, features: Tensor) -> Tensor:
        """Return what belongs to the slab itself, of features at any resolution."""
        scale = features.shape[2] // (self.end - self.begin)
        return features[:, :, (self.core_begin - self.begin) * scale : (self.core_end - self.begin) * scale]


class _ReachedError(Exception):
    """A norm whose statistics are not known yet was given these features."""

    def __init__(self, features: Tensor) -> None:
        self.features = features


@torch.no_grad()
def decode_in_slabs(blocks: Sequence[nn.Module], latents: Tensor, *, slabs: int, finish: Finish) -> Tensor:
    """Return what the blocks make of latents [1, channels, n, ...], as one call of all of them would.

    All up to the last doubling is computed whole. The rest, where features are largest, is computed for one slab along
    the first axis after the other, each with a margin as wide as its convolutions reach. Group norms ask for means and
    variances of the whole: they are gathered norm by norm, so the rest is computed once more for each of its norms
    (three with one residual block), as far as that norm. Time for memory; without gradients.

    Args:
        blocks: of a MONAI decoder, in order.
        latents: of one image.
        slabs: how many.
        finish: is given a slab of the blocks' output; what it returns is put together along the first axis.
    """
    first = max((place for place, block in enumerate(blocks) if _doubles(block)), default=0)
    features = latents
    for block in blocks[:first]:
        features = block(features)
    tail = nn.Sequential(*blocks[first:])
    parts = list(_slabs(features.shape[2], slabs, margin=_reach(tail)))
    known: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    with _given_statistics(tail, known) as norms:
        for norm in norms:
            known[norm] = _statistics(_inputs(tail, features, parts), groups=norm.num_groups)
        made: Tensor | None = None
        for part in parts:
            slab = finish(part.core_of(tail(features[:, :, part.begin : part.end])))
            depth = slab.shape[2] // (part.core_end - part.core_begin)
            if made is None:
                made = slab.new_empty(*slab.shape[:2], features.shape[2] * depth, *slab.shape[3:])
            made[:, :, part.core_begin * depth : part.core_end * depth] = slab
    return made


def _doubles(block: nn.Module) -> bool:
    return any(isinstance(part, nn.Upsample) for part in block.modules())


def _reach(tail: nn.Module) -> int:
    """Return how many slices of its input a convolution of the tail may reach beyond a slab, or more."""
    layers = sum(part.kernel_size[0] > 1 for part in tail.modules() if isinstance(part, nn.Conv2d | nn.Conv3d))
    return (layers + 1) // 2 + 1 if _doubles(tail) else layers  # behind a doubling two slices are one of the input


def _slabs(length: int, count: int, *, margin: int) -> Iterator[_Slab]:
    count = min(count, length)
    for number in range(count):
        begin, end = length * number // count, length * (number + 1) // count
        yield _Slab(max(0, begin - margin), min(length, end + margin), begin, end)


def _inputs(tail: nn.Module, features: Tensor, parts: Sequence[_Slab]) -> Iterator[Tensor]:
    """Yield, slab by slab, what the first norm without statistics is given."""
    for part in parts:
        try:
            tail(features[:, :, part.begin : part.end])
        except _ReachedError as reached:
            yield part.core_of(reached.features)


def _statistics(slabs: Iterator[Tensor], *, groups: int) -> tuple[Tensor, Tensor]:
    """Return mean and variance of each group over all slabs, float64 [groups]."""
    total = squares = count = 0
    for slab in slabs:
        grouped = slab[0].reshape(groups, -1)
        total = total + grouped.sum(dim=1, dtype=torch.float64)
        squares = squares + grouped.double().square().sum(dim=1)
        count += grouped.shape[1]
    mean = total / count
    return mean, (squares / count - mean.square()).clamp(min=0)


@contextmanager
def _given_statistics(tail: nn.Module, known: dict[nn.Module, tuple[Tensor, Tensor]]) -> Iterator[list[nn.GroupNorm]]:
    """Let the group norms of a tail use statistics that they are given, and stop at the first that has none."""
    norms = [part for part in tail.modules() if isinstance(part, nn.GroupNorm)]
    for norm in norms:
        norm.forward = partial(_normalised, norm, known)  # type: ignore[method-assign]
    try:
        yield norms
    finally:
        for norm in norms:
            del norm.forward


def _normalised(norm: nn.GroupNorm, known: dict[nn.Module, tuple[Tensor, Tensor]], features: Tensor) -> Tensor:
    if norm not in known:
        raise _ReachedError(features)
    each = norm.num_channels // norm.num_groups
    mean, variance = (values.repeat_interleave(each) for values in known[norm])
    scale = norm.weight.double() * torch.rsqrt(variance + norm.eps)
    shift = norm.bias.double() - mean * scale
    ones = [1] * (features.dim() - 2)
    return torch.addcmul(shift.view(1, -1, *ones).to(features), features, scale.view(1, -1, *ones).to(features))
