"""The two critics of HA-GAN: one of slabs in full resolution, one of whole low-resolution volumes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mrisynth.networks.blocks import LEAK, critic_layer
from mrisynth.networks.layout import layout


class SlabCritic(nn.Module):
    """Scores a slab [batch, 1, slab, size, size] and may be told where in the volume it lies (D^H).

    Args:
        size: edge of the whole cube, a multiple of 32.
        width: 64 is published; all channels scale with it.
        classes: number of condition classes; 0 builds no class head.
        spectral_norm: ``none``, ``all`` layers' weights divided by their largest singular value, or
            ``all_but_last`` (IXI project).
        tail: ``position``, the position beside the vector and one hidden layer (authors), or ``deep``, two hidden
            layers and no position (IXI project).
    """

    def __init__(
        self, size: int, *, width: int, classes: int = 0, spectral_norm: str = "all", tail: str = "position"
    ) -> None:
        super().__init__()
        self.layout = layout(size)
        self.told_position = tail == "position"
        normalised = spectral_norm != "none"
        layers: list[nn.Module] = []
        inputs, depth = 1, self.layout.slab
        for outputs, (kernel, stride), padding in self.layout.slab_ladder(width):
            step = nn.Conv3d(inputs, outputs, (kernel, 4, 4), stride=(stride, 2, 2), padding=(padding, 1, 1))
            layers += [critic_layer(step, spectral_norm=normalised), nn.LeakyReLU(LEAK)]
            inputs, depth = outputs, (depth + 2 * padding - kernel) // stride + 1
        last = nn.Conv3d(inputs, 2 * width, (depth, self.layout.start, self.layout.start))
        layers += [critic_layer(last, spectral_norm=normalised), nn.LeakyReLU(LEAK), nn.Flatten()]
        self.ladder = nn.Sequential(*layers)
        widths = [2 * width + 1, width] if self.told_position else [2 * width, width, width // 2]
        hidden: list[nn.Module] = []
        for one, two in pairwise(widths):
            hidden += [critic_layer(nn.Linear(one, two), spectral_norm=normalised), nn.LeakyReLU(LEAK)]
        self.hidden = nn.Sequential(*hidden)
        self.score = critic_layer(nn.Linear(widths[-1], 1), spectral_norm=spectral_norm == "all")
        label = critic_layer(nn.Linear(widths[-1], classes), spectral_norm=spectral_norm == "all") if classes else None
        self.label = label

    def forward(self, slabs: Tensor, *, slab_starts: Sequence[float]) -> tuple[Tensor, Tensor | None]:
        """Return scores [batch] and class logits [batch, classes] or None.

        Args:
            slabs: values in [-1, 1].
            slab_starts: first slice of each slab, in slices of the feature cube.
        """
        vector = self.ladder(slabs)
        if self.told_position:
            where = vector.new_tensor(slab_starts)[:, None] / (self.layout.positions - 1)
            vector = torch.cat([vector, where], dim=1)
        hidden = self.hidden(vector)
        return self.score(hidden)[:, 0], None if self.label is None else self.label(hidden)


class LowCritic(nn.Module):
    """Scores a whole low-resolution volume [batch, 1, size/4, size/4, size/4] (D^L); arguments as the other."""

    def __init__(self, size: int, *, width: int, classes: int = 0, spectral_norm: str = "all") -> None:
        super().__init__()
        start = layout(size).start
        layers: list[nn.Module] = []
        inputs = 1
        for outputs in layout(size).low_ladder(width):
            step = nn.Conv3d(inputs, outputs, 4, stride=2, padding=1)
            layers += [critic_layer(step, spectral_norm=spectral_norm != "none"), nn.LeakyReLU(LEAK)]
            inputs = outputs
        last = critic_layer(nn.Conv3d(inputs, 1 + classes, start), spectral_norm=spectral_norm == "all")
        self.ladder = nn.Sequential(*layers, last, nn.Flatten())

    def forward(self, volumes: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return scores [batch] and class logits [batch, classes] or None."""
        heads = self.ladder(volumes)
        return heads[:, 0], heads[:, 1:] if heads.shape[1] > 1 else None
