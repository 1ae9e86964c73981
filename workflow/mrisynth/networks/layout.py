"""The geometry of HA-GAN's networks at every size: start cube, low-resolution edge, slab and ladders."""

from __future__ import annotations

from dataclasses import dataclass

from mrisynth.errors import ConfigError

SIZE_STEP = 32
_THINNEST_SLAB = 2  # slices of A
_FEATURE_CHANNELS = (8, 8, 4, 2, 1)  # of the convolutions of G^A, in units of the width, as published


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Edges and counts that follow from the size of the cube.

    The published ladders (256 and 128) come out exactly; the other sizes follow the same rules.

    Attributes:
        size: edge of the full volume in voxels.
        low: edge of the feature cube A and of the low-resolution volume, a quarter of the size.
        start: edge of the first cube of G^A, in which the critics' ladders end too: 4 when ``size / 32`` is a
            power of two, else its odd part (96 and 192: 3, 160: 5, 224: 7).
        doublings: number of doublings from the start cube to the feature cube.
        slab: thickness of a training slab in voxels: an eighth of the size, at 32 a quarter.
        slab_features: thickness of the slab in slices of A, at least 2: no critic would see two slices of A together in
            slabs of one.
    """

    size: int
    low: int
    start: int
    doublings: int
    slab: int
    slab_features: int

    @property
    def positions(self) -> int:
        """Number of slab positions, in slices of A: every start from 0 to ``positions - 1`` inclusive."""
        return self.low - self.slab_features + 1

    def feature_channels(self, width: int) -> list[int]:
        """Return the channels of the convolutions of G^A, from the start cube to A.

        Five convolutions as published at 128 and 256. Fewer doublings need fewer: doublings + 2, with the tail
        of the published channels; more doublings need more: doublings + 1, with the first channels repeated.
        """
        convolutions = max(self.doublings + 1, min(len(_FEATURE_CHANNELS), self.doublings + 2))
        extra = max(0, convolutions - len(_FEATURE_CHANNELS))
        factors = (_FEATURE_CHANNELS[0],) * extra + _FEATURE_CHANNELS
        return [factor * width for factor in factors[-convolutions:]]

    def slab_ladder(self, width: int) -> list[tuple[int, tuple[int, int], int]]:
        """Return the steps of the critic of slabs as (channels, (kernel, stride) along the slab, padding there).

        In the plane every step is kernel 4, stride 2, padding 1. Along the slab: an even depth above 4 likewise;
        2 and 4 by kernel 2, stride 2; an odd depth above 1 collapses at once; 1 stays.
        """
        halvings = self.doublings + 2
        depth = self.slab
        steps = []
        for channels in _doubling_channels(8 * width, halvings):
            kernel, stride, padding = _depth_step(depth)
            depth = (depth + 2 * padding - kernel) // stride + 1
            steps.append((channels, (kernel, stride), padding))
        return steps

    def low_ladder(self, width: int) -> list[int]:
        """Return the channels of the critic of low-resolution volumes, each step halving the cube."""
        return _doubling_channels(4 * width, self.doublings)


def layout(size: int) -> Layout:
    """Return the geometry at a size.

    Args:
        size: edge of the cube in voxels, a positive multiple of 32.

    Raises:
        ConfigError: when the size is not a positive multiple of 32.
    """
    if size <= 0 or size % SIZE_STEP:
        nearest = max(SIZE_STEP, round(size / SIZE_STEP) * SIZE_STEP)
        raise ConfigError(
            f"size: {size} is not a multiple of {SIZE_STEP}, which HA-GAN's slabs and low-resolution branch need; "
            f"the nearest size that works is {nearest}."
        )
    low = start = size // 4
    doublings = 0
    while start % 2 == 0 and start > 4:
        start //= 2
        doublings += 1
    slab_features = max(_THINNEST_SLAB, low // 8)
    return Layout(
        size=size, low=low, start=start, doublings=doublings, slab=4 * slab_features, slab_features=slab_features
    )


def _doubling_channels(last: int, count: int) -> list[int]:
    return [max(1, last >> (count - 1 - step)) for step in range(count)]


def _depth_step(depth: int) -> tuple[int, int, int]:
    if depth == 1:
        return 1, 1, 0
    if depth % 2:
        return depth, 1, 0
    return (4, 2, 1) if depth > 4 else (2, 2, 0)
