"""The Inception network that FID was defined with, as a feature network for slices."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

INCEPTION_WIDTH = 2048
INCEPTION_EDGE = 299
_BATCH_NORM_EPSILON = 1e-3

_SMALL = (192, 256, 288)  # inputs of the blocks of 35 x 35 maps
_MIDDLE = (128, 160, 160, 192)  # inner channels of the blocks of 17 x 17 maps


class Inception(nn.Module):
    """Inception v3 up to the average before its classifier (``pool3``), in the form that FID uses.

    Takes float32 [n, 1 or 3, h, w] in [0, 1], returns float32 [n, 2048]. Slices are resized to 299 x 299 (bilinear,
    corners not aligned) and scaled to -1 .. 1. It differs from the network of Szegedy et al. 2016 (arXiv 1512.00567) as
    the TensorFlow graph of 2015-12-05 does: averages inside the blocks count no padding, and the last block takes a
    maximum where the others take an average. Names of the weights are those of ``pt_inception-2015-12-05``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = _Convolution(32, 32, 3)
        self.Conv2d_2b_3x3 = _Convolution(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = _Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = _Convolution(80, 192, 3)
        for letter, inputs, pooled in zip("bcd", _SMALL, (32, 64, 64), strict=True):
            self.add_module(f"Mixed_5{letter}", _Small(inputs, pooled))
        self.Mixed_6a = _ToMiddle(288)
        for letter, inner in zip("bcde", _MIDDLE, strict=True):
            self.add_module(f"Mixed_6{letter}", _Middle(768, inner))
        self.Mixed_7a = _ToLast(768)
        self.Mixed_7b = _Last(1280, maximum=False)
        self.Mixed_7c = _Last(2048, maximum=True)

    def forward(self, slices: Tensor) -> Tensor:
        """Return the features, [n, 2048]."""
        edges = (INCEPTION_EDGE, INCEPTION_EDGE)
        maps = functional.interpolate(slices, size=edges, mode="bilinear", align_corners=False)
        maps = (2 * maps - 1).expand(-1, 3, -1, -1)
        maps = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(maps)))
        maps = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(maps, 3, stride=2)))
        maps = functional.max_pool2d(maps, 3, stride=2)
        for name, block in self.named_children():
            if name.startswith("Mixed_"):
                maps = block(maps)
        return maps.mean(dim=(2, 3))


class _Convolution(nn.Module):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=_BATCH_NORM_EPSILON)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(maps)), inplace=True)


def _across(inputs: int, outputs: int, length: int) -> _Convolution:
    return _Convolution(inputs, outputs, (1, length), padding=(0, length // 2))


def _along(inputs: int, outputs: int, length: int) -> _Convolution:
    return _Convolution(inputs, outputs, (length, 1), padding=(length // 2, 0))


def _average(maps: Tensor) -> Tensor:
    return functional.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)


class _Small(nn.Module):
    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = _Convolution(inputs, 64, 1)
        self.branch5x5_1 = _Convolution(inputs, 48, 1)
        self.branch5x5_2 = _Convolution(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = _Convolution(inputs, 64, 1)
        self.branch3x3dbl_2 = _Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Convolution(96, 96, 3, padding=1)
        self.branch_pool = _Convolution(inputs, pooled, 1)

    def forward(self, maps: Tensor) -> Tensor:
        fives = self.branch5x5_2(self.branch5x5_1(maps))
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(maps)))
        return torch.cat([self.branch1x1(maps), fives, threes, self.branch_pool(_average(maps))], dim=1)


class _ToMiddle(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = _Convolution(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = _Convolution(inputs, 64, 1)
        self.branch3x3dbl_2 = _Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Convolution(96, 96, 3, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(maps)))
        return torch.cat([self.branch3x3(maps), threes, functional.max_pool2d(maps, 3, stride=2)], dim=1)


class _Middle(nn.Module):
    def __init__(self, inputs: int, inner: int) -> None:
        super().__init__()
        self.branch1x1 = _Convolution(inputs, 192, 1)
        self.branch7x7_1 = _Convolution(inputs, inner, 1)
        self.branch7x7_2 = _across(inner, inner, 7)
        self.branch7x7_3 = _along(inner, 192, 7)
        self.branch7x7dbl_1 = _Convolution(inputs, inner, 1)
        self.branch7x7dbl_2 = _along(inner, inner, 7)
        self.branch7x7dbl_3 = _across(inner, inner, 7)
        self.branch7x7dbl_4 = _along(inner, inner, 7)
        self.branch7x7dbl_5 = _across(inner, 192, 7)
        self.branch_pool = _Convolution(inputs, 192, 1)

    def forward(self, maps: Tensor) -> Tensor:
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(maps)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(maps)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(maps), once, twice, self.branch_pool(_average(maps))], dim=1)


class _ToLast(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = _Convolution(inputs, 192, 1)
        self.branch3x3_2 = _Convolution(192, 320, 3, stride=2)
        self.branch7x7x3_1 = _Convolution(inputs, 192, 1)
        self.branch7x7x3_2 = _across(192, 192, 7)
        self.branch7x7x3_3 = _along(192, 192, 7)
        self.branch7x7x3_4 = _Convolution(192, 192, 3, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        threes = self.branch3x3_2(self.branch3x3_1(maps))
        sevens = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(maps))))
        return torch.cat([threes, sevens, functional.max_pool2d(maps, 3, stride=2)], dim=1)


class _Last(nn.Module):
    def __init__(self, inputs: int, *, maximum: bool) -> None:
        super().__init__()
        self.maximum = maximum
        self.branch1x1 = _Convolution(inputs, 320, 1)
        self.branch3x3_1 = _Convolution(inputs, 384, 1)
        self.branch3x3_2a = _across(384, 384, 3)
        self.branch3x3_2b = _along(384, 384, 3)
        self.branch3x3dbl_1 = _Convolution(inputs, 448, 1)
        self.branch3x3dbl_2 = _Convolution(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = _across(384, 384, 3)
        self.branch3x3dbl_3b = _along(384, 384, 3)
        self.branch_pool = _Convolution(inputs, 192, 1)

    def forward(self, maps: Tensor) -> Tensor:
        once = self.branch3x3_1(maps)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(maps))
        pooled = functional.max_pool2d(maps, 3, stride=1, padding=1) if self.maximum else _average(maps)
        parts = [self.branch1x1(maps), self.branch3x3_2a(once), self.branch3x3_2b(once)]
        return torch.cat(
            [*parts, self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice), self.branch_pool(pooled)], dim=1
        )
