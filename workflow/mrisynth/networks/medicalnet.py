"""The dilated 3D ResNet-50 of MedicalNet as a feature network, and the loading of its published weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of

MEDICALNET_SHA256 = "ff48a62219073fb977fd3f4ddfb8dc1367f0ec156c8d6f6c37e205bd683a246e"
"""SHA-256 of ``resnet_50_23dataset.pth``, the weights trained on 23 segmentation data sets."""

MEDICALNET_WIDTH = 2048

_STAGES = ((64, 3, 1, 1), (128, 4, 2, 1), (256, 6, 1, 2), (512, 3, 1, 4))  # channels, blocks, stride, dilation


class MedicalNet(nn.Module):
    """ResNet-50 in three dimensions whose last two stages are dilated instead of strided, pooled to 2048 features.

    Takes float32 [n, 1, x, y, z] in [0, 1] with edges of 8 voxels or more, returns float32 [n, 2048]. The map before
    the average has an eighth of the input's edge. Chen, Ma and Zheng 2019, "Med3D" (arXiv 1904.00625), shortcut
    type B, without its segmentation head.
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


def load_medicalnet(weights: Path, *, sha256: str = MEDICALNET_SHA256) -> MedicalNet:
    """Return the network with the weights of a published ``.pth`` file, ready for inference.

    The file is opened only after its SHA-256 was found right, and without unpickling code (``weights_only``). Names
    may carry the ``module.`` prefix of the published files; the weights of a segmentation head (``conv_seg``) are
    left out; everything else must match name by name and shape by shape.

    Raises:
        MrisynthError: the file is missing, has another checksum, or does not hold this network.
    """
    if not weights.is_file():
        raise MrisynthError(
            f"The MedicalNet weights are not at {weights}: put resnet_50_23dataset.pth (sha256 {sha256}) there, fetch "
            f"it with `snakemake {weights}` where there is a network, or set the features' `network` to `random`, "
            "which is untrained and for trying things out."
        )
    found = sha256_of(weights)
    if found != sha256:
        raise MrisynthError(
            f"{weights} is not the expected file: its sha256 is {found}, expected {sha256}; delete it and fetch it "
            "again, or state its own sha256 under `sha256` of these features if you mean to use other weights."
        )
    network = MedicalNet()
    _check_and_load(network, _read_state(weights), weights)
    return network.eval().requires_grad_(requires_grad=False)


def _read_state(weights: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not a plain state
        raise MrisynthError(
            f"{weights} cannot be read as a plain state of weights ({type(error).__name__}): expected the .pth file "
            "published by MedicalNet; fetch it again."
        ) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping):
        raise MrisynthError(f"{weights} holds {type(content).__name__}, expected a mapping with the key `state_dict`.")
    names = {name.removeprefix("module."): value for name, value in state.items()}
    return {name: value for name, value in names.items() if not name.startswith("conv_seg.")}


def _check_and_load(network: MedicalNet, state: dict[str, Tensor], weights: Path) -> None:
    expected = {name: value for name, value in network.state_dict().items() if not _is_counter(name)}
    missing = sorted(expected.keys() - state.keys())
    unknown = sorted(name for name in state.keys() - expected.keys() if not _is_counter(name))
    wrong = sorted(name for name in expected.keys() & state.keys() if expected[name].shape != state[name].shape)
    if missing or unknown or wrong:
        raise MrisynthError(
            f"{weights} does not hold MedicalNet's ResNet-50: {len(missing)} weights missing{_first(missing)}, "
            f"{len(unknown)} unknown{_first(unknown)}, {len(wrong)} of another shape{_first(wrong)}; "
            "expected resnet_50_23dataset.pth or resnet_50.pth."
        )
    network.load_state_dict({name: state[name] for name in expected}, strict=False)


def _is_counter(name: str) -> bool:
    return name.endswith(".num_batches_tracked")  # bookkeeping of later torch versions, unused for inference


def _first(names: list[str]) -> str:
    return f" (first: {names[0]})" if names else ""


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
