"""The published networks of HA-GAN and of the IXI project's HAGAN, stated once more, as plainly as they go.

An independent reference: written from the description of the originals and not from mrisynth's networks, which the
tests hold against it. Channels are those of the published width 64 and are scaled with the width. Sizes 256 and 128
are published; 64 goes on in the same way. Volumes are float [batch, 1, x, y, z]; slabs are cut along x.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

LATENT = 1024
PUBLISHED_WIDTH = 64
EMBEDDING = 32

# Edge of the feature cube A and of the low-resolution volume, and thickness of the slab, both in voxels of their own.
LOW = {256: 64, 128: 32, 64: 16}
SLAB = {256: 32, 128: 16, 64: 8}

# G^A: (output channels, doubled before the convolution); it starts from 512 x 4 x 4 x 4 (at 64, as far as it goes).
FEATURE_STEPS = {
    256: ((512, False), (512, True), (256, True), (128, True), (64, True)),
    128: ((512, False), (512, True), (256, True), (128, True), (64, False)),
    64: ((512, False), (256, True), (128, True), (64, False)),
}
# D^H: (output channels, kernel, stride and padding along the slab); in the plane always kernel 4, stride 2, padding 1.
SLAB_STEPS = {
    256: ((16, 4, 2, 1), (32, 4, 2, 1), (64, 4, 2, 1), (128, 2, 2, 0), (256, 2, 2, 0), (512, 1, 1, 0)),
    128: ((32, 4, 2, 1), (64, 4, 2, 1), (128, 2, 2, 0), (256, 2, 2, 0), (512, 1, 1, 0)),
    64: ((64, 4, 2, 1), (128, 2, 2, 0), (256, 2, 2, 0), (512, 1, 1, 0)),
}
# D^L and E^G: output channels of the convolutions of kernel 4, stride 2, padding 1 that end in a cube of 4.
HALVINGS = {256: (32, 64, 128, 256), 128: (64, 128, 256), 64: (128, 256)}


@dataclass(frozen=True)
class CodeBase:
    """What the two code bases do differently in their networks."""

    groups: int  # of the GroupNorm in G and E^H; E^G has 8 in both
    upsampling: str
    crop_index: bool  # D^H is told where the slab begins
    tail: tuple[int, ...]  # hidden features of D^H's linear layers after 128
    normed_last: bool  # spectral norm on the last layers of both critics too
    one_hot: bool  # condition as one-hot beside z; else an embedding as a 513th channel


HA_GAN = CodeBase(groups=8, upsampling="nearest", crop_index=True, tail=(64,), normed_last=True, one_hot=True)
IXI = CodeBase(groups=1, upsampling="trilinear", crop_index=False, tail=(64, 32), normed_last=False, one_hot=False)


def scaled(channels: int, width: int) -> int:
    """Return published channels at another width."""
    return max(1, channels * width // PUBLISHED_WIDTH)


def joint_classes(columns: tuple[int, ...]) -> int:
    """Return the number of joint classes of condition columns; 0 without columns."""
    return prod(columns) if columns else 0


class Generator(nn.Module):
    """G^A, G^L and G^H.

    Args:
        size: of the volume, 64, 128 or 256.
        base: the code base.
        width: channels of A.
        columns: number of categories of each condition column; labels are their joint classes, last column fastest.
    """

    def __init__(
        self, size: int, base: CodeBase, *, width: int = PUBLISHED_WIDTH, columns: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        self.size, self.base, self.columns, self.classes = size, base, columns, joint_classes(columns)
        self.first = scaled(FEATURE_STEPS[size][0][0], width)
        self.fc = nn.Linear(LATENT + (self.classes if base.one_hot else 0), self.first * 4**3)
        embedded = self.classes > 0 and not base.one_hot
        if embedded:  # one table for all columns
            self.embedding = nn.Embedding(self.classes, EMBEDDING)
            self.embedding_fc = nn.Linear(EMBEDDING * len(columns), 4**3)
        self.a_convs, self.a_norms = nn.ModuleList(), nn.ModuleList()
        channels = self.first + embedded
        for published, _ in FEATURE_STEPS[size]:
            self.a_convs.append(nn.Conv3d(channels, scaled(published, width), 3, padding=1))
            channels = scaled(published, width)
            self.a_norms.append(_group_norm(base.groups, channels))
        self.l_conv1 = nn.Conv3d(channels, scaled(32, width), 3, padding=1)
        self.l_norm1 = _group_norm(base.groups, scaled(32, width))
        self.l_conv2 = nn.Conv3d(scaled(32, width), scaled(16, width), 3, padding=1)
        self.l_norm2 = _group_norm(base.groups, scaled(16, width))
        self.l_conv3 = nn.Conv3d(scaled(16, width), 1, 3, padding=1)
        self.h_conv1 = nn.Conv3d(channels, scaled(32, width), 3, padding=1)
        self.h_norm1 = _group_norm(base.groups, scaled(32, width))
        self.h_conv2 = nn.Conv3d(scaled(32, width), 1, 3, padding=1)

    def features(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return A [batch, width, low, low, low]."""
        if self.classes and self.base.one_hot:
            z = torch.cat([z, functional.one_hot(labels, self.classes).float()], dim=1)
        h = self.fc(z).view(-1, self.first, 4, 4, 4)
        if self.classes and not self.base.one_hot:
            categories = torch.stack(torch.unravel_index(labels, self.columns), dim=1)
            channel = self.embedding_fc(self.embedding(categories).flatten(1)).view(-1, 1, 4, 4, 4)
            h = torch.cat([h, channel], dim=1)
        for (_, doubled), conv, norm in zip(FEATURE_STEPS[self.size], self.a_convs, self.a_norms, strict=True):
            h = functional.relu(norm(conv(self.up(h) if doubled else h)))
        return h

    def low(self, features: Tensor) -> Tensor:
        """G^L: return the low-resolution volume of A."""
        h = functional.relu(self.l_norm1(self.l_conv1(features)))
        h = functional.relu(self.l_norm2(self.l_conv2(h)))
        return torch.tanh(self.l_conv3(h))

    def high(self, features: Tensor) -> Tensor:
        """G^H: return the full-resolution volume of A or of a slab of A."""
        h = functional.relu(self.h_norm1(self.h_conv1(self.up(features))))
        return torch.tanh(self.h_conv2(self.up(h)))

    def up(self, h: Tensor) -> Tensor:
        """Double every edge."""
        if self.base.upsampling == "nearest":
            return functional.interpolate(h, scale_factor=2, mode="nearest")
        return functional.interpolate(h, scale_factor=2, mode="trilinear", align_corners=False)

    def forward(self, z: Tensor, labels: Tensor | None = None, *, start: int | None = None) -> tuple[Tensor, Tensor]:
        """Return (slab, low-resolution volume); without a start (in voxels) the whole volume and its low resolution."""
        features = self.features(z, labels)
        if start is None:
            return self.high(features), self.low(features)
        first, count = start // 4, SLAB[self.size] // 4
        return self.high(features[:, :, first : first + count]), self.low(features)


class SlabCritic(nn.Module):
    """D^H: returns a logit and class logits (None without classes) of a slab."""

    def __init__(self, size: int, base: CodeBase, *, width: int = PUBLISHED_WIDTH, classes: int = 0) -> None:
        super().__init__()
        self.size, self.base = size, base
        self.convs = nn.ModuleList()
        channels = 1
        for published, kernel, stride, padding in SLAB_STEPS[size]:
            out = scaled(published, width)
            conv = nn.Conv3d(channels, out, (kernel, 4, 4), (stride, 2, 2), (padding, 1, 1))
            self.convs.append(spectral_norm(conv))
            channels = out
        features = scaled(128, width)
        self.convs.append(spectral_norm(nn.Conv3d(channels, features, (1, 4, 4))))
        features += base.crop_index
        self.hidden = nn.ModuleList()
        for published in base.tail:
            self.hidden.append(spectral_norm(nn.Linear(features, scaled(published, width))))
            features = scaled(published, width)
        self.logit = _last(nn.Linear(features, 1), base)
        self.class_logits = _last(nn.Linear(features, classes), base) if classes else None

    def forward(self, slab: Tensor, start: int) -> tuple[Tensor, Tensor | None]:
        """Return the logit [batch, 1] of a slab that begins at a voxel."""
        h = slab
        for conv in self.convs:
            h = functional.leaky_relu(conv(h), 0.2)
        h = h.flatten(1)
        if self.base.crop_index:
            place = torch.full((len(h), 1), start / (self.size * 7 / 8), device=h.device)
            h = torch.cat([h, place], dim=1)
        for linear in self.hidden:
            h = functional.leaky_relu(linear(h), 0.2)
        return self.logit(h), None if self.class_logits is None else self.class_logits(h)


class LowCritic(nn.Module):
    """D^L: returns a logit and class logits (None without classes) of a low-resolution volume."""

    def __init__(self, size: int, base: CodeBase, *, width: int = PUBLISHED_WIDTH, classes: int = 0) -> None:
        super().__init__()
        self.classes = classes
        self.convs = nn.ModuleList()
        channels = 1
        for published in HALVINGS[size]:
            self.convs.append(spectral_norm(nn.Conv3d(channels, scaled(published, width), 4, 2, 1)))
            channels = scaled(published, width)
        self.last = _last(nn.Conv3d(channels, 1 + classes, 4), base)

    def forward(self, low: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logit [batch, 1] of a low-resolution volume."""
        h = low
        for conv in self.convs:
            h = functional.leaky_relu(conv(h), 0.2)
        h = self.last(h).flatten(1)
        return h[:, :1], h[:, 1:] if self.classes else None


class SlabEncoder(nn.Module):
    """E^H: slab of the volume -> slab of A."""

    def __init__(self, base: CodeBase, *, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        narrow = scaled(32, width)
        self.conv1, self.norm1 = nn.Conv3d(1, narrow, 4, 2, 1), _group_norm(base.groups, narrow)
        self.conv2, self.norm2 = nn.Conv3d(narrow, narrow, 3, 1, 1), _group_norm(base.groups, narrow)
        self.conv3, self.norm3 = nn.Conv3d(narrow, width, 4, 2, 1), _group_norm(base.groups, width)

    def forward(self, slab: Tensor) -> Tensor:
        """Return the slab's features, a quarter as long on every edge."""
        h = functional.relu(self.norm1(self.conv1(slab)))
        h = functional.relu(self.norm2(self.conv2(h)))
        return functional.relu(self.norm3(self.conv3(h)))


class WholeEncoder(nn.Module):
    """E^G: whole A -> z."""

    def __init__(self, size: int, *, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        channels = width
        for published in HALVINGS[size]:
            self.convs.append(nn.Conv3d(channels, scaled(published, width), 4, 2, 1))
            channels = scaled(published, width)
            self.norms.append(_group_norm(8, channels))
        self.last = nn.Conv3d(channels, LATENT, 4)

    def forward(self, features: Tensor) -> Tensor:
        """Return the latent [batch, 1024]."""
        h = features
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = functional.relu(norm(conv(h)))
        return self.last(h).flatten(1)


def encode(encoder: SlabEncoder, volumes: Tensor, *, size: int) -> Tensor:
    """Return A of whole volumes: E^H on slab after slab without gradients, one behind the other."""
    with torch.no_grad():
        return torch.cat([encoder(slab) for slab in volumes.split(SLAB[size], dim=2)], dim=2)


def parameters(network: nn.Module) -> int:
    """Return the number of weights."""
    return sum(weight.numel() for weight in network.parameters())


def _group_norm(groups: int, channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(min(groups, channels), channels)


def _last(layer: nn.Module, base: CodeBase) -> nn.Module:
    return spectral_norm(layer) if base.normed_last else layer
