"""Feature maps for perceptual distances: SqueezeNet 1.1, AlexNet, and a random network that was never trained."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.errors import ConfigError

SQUEEZE_CHANNELS = (64, 128, 256, 384, 384, 512, 512)
ALEX_CHANNELS = (64, 192, 384, 256, 256)
RANDOM_CHANNELS = (16, 32, 64, 64)

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of inputs in [-1, 1], by Zhang et al. 2018
SMALLEST = 31  # AlexNet's three maps of stride 4, 2 and 2


class _Fire(nn.Module):
    """Squeezes the channels, then convolves them with kernels of 1 and of 3, side by side (Iandola et al. 2016)."""

    def __init__(self, inputs: int, squeezed: int, outputs: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, outputs // 2, 1)
        self.expand3x3 = nn.Conv2d(squeezed, outputs // 2, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        squeezed = functional.relu(self.squeeze(maps))
        return functional.relu(torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], dim=1))


class PerceptualNetwork(nn.Module):
    """Layers whose outputs are feature maps, with the weight of each of their channels.

    Takes [n, 1 or 3, row, column] in [-1, 1], 31 pixels or more a side; grey is repeated. Names of weights are those
    of torchvision (``features.0.weight``) and of the published linear layers (``lin0.model.1.weight``).

    Args:
        features: the layers, in their order.
        taps: numbers of those whose outputs are wanted.
        channels: of each of these.
        scaled: whether colours are shifted and scaled as the published weights expect.

    Attributes:
        weights: of each tapped layer, [1, channels, 1, 1].
    """

    def __init__(self, features: nn.Sequential, taps: Iterable[int], channels: Iterable[int], *, scaled: bool) -> None:
        super().__init__()
        self.features, self._taps, self._scaled = features, tuple(taps), scaled
        self.channels = tuple(channels)
        for number, count in enumerate(self.channels):
            self.register_buffer(f"lin{number}", torch.full((1, count, 1, 1), 1.0 / len(self.channels)))

    @property
    def weights(self) -> list[Tensor]:
        """Weights of the channels of each layer, [1, channels, 1, 1]."""
        return [self.get_buffer(f"lin{number}") for number in range(len(self.channels))]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of each tapped layer, [n, channels, row, column]."""
        if min(images.shape[2:]) < SMALLEST:
            raise ConfigError(
                f"Images of {tuple(images.shape[2:])} pixels are too small for a perceptual distance: expected "
                f"{SMALLEST} or more a side."
            )
        maps = images.expand(-1, 3, -1, -1) if self._scaled else images.mean(dim=1, keepdim=True)
        if self._scaled:
            shift, scale = (maps.new_tensor(three).view(1, 3, 1, 1) for three in (_SHIFT, _SCALE))
            maps = (maps - shift) / scale
        found = []
        for number, layer in enumerate(self.features):
            maps = layer(maps)
            if number in self._taps:
                found.append(maps)
        return found


def squeeze_network() -> PerceptualNetwork:
    """Return the layers of SqueezeNet 1.1, tapped at seven places as in LPIPS; weights are to be filled in."""

    def pool() -> nn.MaxPool2d:
        return nn.MaxPool2d(3, stride=2, ceil_mode=True)

    layers = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool(), _Fire(64, 16, 128), _Fire(128, 16, 128), pool()]
    layers += [_Fire(128, 32, 256), _Fire(256, 32, 256), pool()]
    layers += [_Fire(256, 48, 384), _Fire(384, 48, 384), _Fire(384, 64, 512), _Fire(512, 64, 512)]
    return PerceptualNetwork(nn.Sequential(*layers), (1, 4, 7, 9, 10, 11, 12), SQUEEZE_CHANNELS, scaled=True)


def alex_network() -> PerceptualNetwork:
    """Return the convolutions of AlexNet, tapped after each as in LPIPS; weights are to be filled in."""
    layers = [nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)]
    layers += [nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)]
    for inputs, outputs in ((192, 384), (384, 256), (256, 256)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
    return PerceptualNetwork(nn.Sequential(*layers), (1, 4, 7, 9, 11), ALEX_CHANNELS, scaled=True)


def random_network(*, seed: int) -> PerceptualNetwork:
    """Return four levels of fixed random 3 x 3 filters, tapped at each; every channel counts alike.

    Half of the filters of the first level have a zero sum: they see edges and not brightness. Nothing was trained.
    """
    generator, inputs, layers, taps = torch.Generator().manual_seed(seed), 1, [], []
    for level, outputs in enumerate(RANDOM_CHANNELS):
        layer = nn.Conv2d(inputs, outputs, 3, padding=1)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * math.sqrt(2 / (9 * inputs)))
            layer.bias.copy_(0.5 * torch.rand(outputs, generator=generator) - 0.25)
            if level == 0:
                layer.weight[outputs // 2 :] -= layer.weight[outputs // 2 :].mean(dim=(1, 2, 3), keepdim=True)
        layers += [*([nn.AvgPool2d(2)] if level else []), layer, nn.LeakyReLU(0.2)]
        taps.append(len(layers) - 1)
        inputs = outputs
    return PerceptualNetwork(nn.Sequential(*layers), taps, RANDOM_CHANNELS, scaled=False)
