"""The dilated 3D ResNet-50 of MedicalNet as a feature network."""

from __future__ import annotations

from torch import Tensor, nn

MEDICALNET_WIDTH = 2048

_STAGES = ((64, 3, 1, 1), (128, 4, 2, 1), (256, 6, 1, 2), (512, 3, 1, 4))  # channels, blocks, stride, dilation


class MedicalNet(nn.Module):
    """ResNet-50 in three dimensions whose last two stages are dilated instead of strided, pooled to 2048 features.

    Takes float32 [n, 1, x, y, z] in [0, 1] with edges of 8 voxels or more, returns float32 [n, 2048]. The map before
    the average has an eighth of the input's edge. Chen, Ma and Zheng 2019, "Med3D" (arXiv 1904.00625), shortcut
    type B, without its segmentation head. Names of the weights are those of ``resnet_50_23dataset.pth``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(kernel_size=3, stride=2, padding=1)
        channels = 64
        for number, (width, blocks, stride, dilation) in enumerate(_STAGES, start=1):
            self.add_module(f"layer{number}", _stage(channels, width, blocks=blocks, stride=stride, dilation=dilation))
            channels = width * _Bottleneck.expansion

    def maps(self, images: Tensor) -> Tensor:
        """Return the last feature maps, [n, 2048, x/8, y/8, z/8]."""
        maps = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for number in range(1, len(_STAGES) + 1):
            maps = self.get_submodule(f"layer{number}")(maps)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Return the maps averaged over space, [n, 2048]."""
        return self.maps(images).mean(dim=(2, 3, 4))


def _stage(channels: int, width: int, *, blocks: int, stride: int, dilation: int) -> nn.Sequential:
    first = _Bottleneck(channels, width, stride=stride, dilation=dilation, projected=True)
    inner = width * _Bottleneck.expansion
    rest = [_Bottleneck(inner, width, stride=1, dilation=dilation, projected=False) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


class _Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, channels: int, width: int, *, stride: int, dilation: int, projected: bool) -> None:
        super().__init__()
        out = width * self.expansion
        self.conv1 = nn.Conv3d(channels, width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, out, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm3d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if projected:
            shortcut = nn.Conv3d(channels, out, kernel_size=1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(out))

    def forward(self, maps: Tensor) -> Tensor:
        shortcut = maps if self.downsample is None else self.downsample(maps)
        maps = self.relu(self.bn1(self.conv1(maps)))
        maps = self.relu(self.bn2(self.conv2(maps)))
        return self.relu(self.bn3(self.conv3(maps)) + shortcut)
