"""The published training step of PACGAN at one level, stated once more, as plainly as it goes: float32, no average.

Images and labels come from a loader that collates single samples. One iteration is as many steps of the critic as the
level has, each with a forward pass for reals, for fakes and for the points between them, and one of the generator,
which shows the last fakes again. As the description of the original says, the generator's loss also holds the
cross-entropy of the reals, which has no gradient; gradients are set to zeros before each step; the critic's weights
gather gradients in the generator's step, too; and every prediction is fetched from the device one by one, for the
curves. Where the description is silent the kinder way is taken: fakes are made without gradients in all steps of the
critic but the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

FACTORS = (1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32)  # of the channels at 4, 8, ... 256 pixels
LATENT, EMBEDDED, CLASS_WIDTH = 512, 3, 150
PENALTY_WEIGHT, DRIFT_WEIGHT, CLASS_WEIGHT, OTHER_CLASS_WEIGHT = 10.0, 0.001, 4.0, 2.0
LEARNING_RATE, BETAS = 1e-3, (0.5, 0.999)


class Conv(nn.Module):
    """A convolution whose input is multiplied by sqrt(gain / inputs of an output); its bias is added afterwards."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, padding: int = 1, gain: float = 2.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=padding)
        self.scale = sqrt(gain / (inputs * kernel**2))
        nn.init.normal_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the convolution."""
        return self.conv(images * self.scale)


class PixelNorm(nn.Module):
    """Divides the channels of a pixel by their root mean square."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the normalised images."""
        return images / torch.sqrt(torch.mean(images**2, dim=1, keepdim=True) + 1e-8)


class Generator(nn.Module):
    """Latents and labels to images of one size, without fading."""

    def __init__(self, size: int, *, width: int, classes: int) -> None:
        super().__init__()
        widths = channels(size, width)
        self.embedding = nn.Embedding(classes, EMBEDDED)
        self.start = nn.Sequential(
            PixelNorm(), nn.ConvTranspose2d(LATENT + EMBEDDED, widths[0], 4), nn.LeakyReLU(0.2),
            Conv(widths[0], widths[0]), nn.LeakyReLU(0.2), PixelNorm(),
        )  # fmt: skip
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
            layers += [Conv(inputs, outputs), nn.LeakyReLU(0.2), PixelNorm()]
            layers += [Conv(outputs, outputs), nn.LeakyReLU(0.2), PixelNorm()]
        self.levels = nn.Sequential(*layers)
        self.image = Conv(widths[-1], 1, kernel=1, padding=0)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images [batch, 1, size, size]."""
        told = torch.cat([latents, self.embedding(labels)[:, :, None, None]], dim=1)
        return torch.tanh(self.image(self.levels(self.start(told))))


class Critic(nn.Module):
    """Scores and class logits of images of one size; both look at the spread over the whole batch."""

    def __init__(self, size: int, *, width: int, classes: int) -> None:
        super().__init__()
        widths = channels(size, width)[::-1]
        layers: list[nn.Module] = [Conv(1, widths[0], kernel=1, padding=0), nn.LeakyReLU(0.2)]
        for inputs, outputs in pairwise(widths):
            layers += [Conv(inputs, outputs), nn.LeakyReLU(0.2), Conv(outputs, outputs), nn.LeakyReLU(0.2)]
            layers.append(nn.AvgPool2d(2))
        self.levels = nn.Sequential(*layers)
        self.last = nn.Sequential(
            Conv(widths[-1] + 1, widths[-1]), nn.LeakyReLU(0.2),
            Conv(widths[-1], widths[-1], kernel=4, padding=0), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.score = Conv(widths[-1], 1, kernel=1, padding=0)
        self.label = nn.Sequential(
            Conv(widths[-1], CLASS_WIDTH, kernel=1, padding=0),
            Conv(
                CLASS_WIDTH, classes, kernel=1, padding=0, gain=1.0
            ),  # the description leaves open how these are scaled
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores [batch] and class logits [batch, classes]."""
        features = self.levels(images)
        spread = torch.std(features, dim=0).mean().repeat(len(features), 1, 4, 4)
        features = self.last(torch.cat([features, spread], dim=1))
        return self.score(features).flatten(), self.label(features).flatten(1)


class Pacgan:
    """One level of the training; see the module's description.

    Args:
        size: edge of the images, 4 to 256, a power of 2.
        width: channels at 4 x 4.
        classes: number of classes.
        device: of the networks.
    """

    def __init__(self, size: int, *, width: int = 512, classes: int = 2, device: str = "cpu") -> None:
        self.device = device
        self.generator = Generator(size, width=width, classes=classes).to(device)
        self.critic = Critic(size, width=width, classes=classes).to(device)
        options = {"lr": LEARNING_RATE, "betas": BETAS}
        self.generator_optimiser = torch.optim.Adam(self.generator.parameters(), **options)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), **options)
        self.log: dict[str, list[float]] = {"critic": [], "generator": [], "predicted": [], "label": []}

    def step(self, batches: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Update the critic once a batch and the generator once; both end up in :attr:`log`."""
        for number, (images, labels) in enumerate(batches):
            latents = torch.randn(len(images), LATENT, 1, 1, device=self.device)
            with torch.set_grad_enabled(number == len(batches) - 1):
                fakes = self.generator(latents, labels)
            mixing = torch.rand(len(images), 1, 1, 1, device=self.device)
            loss, logits = self.critic_loss(images, fakes.detach(), labels, mixing=mixing)
            self.critic_optimiser.zero_grad(set_to_none=False)
            loss.backward()
            self.critic_optimiser.step()
            self.log["critic"].append(loss.item())
            for chances, label in zip(logits.detach().softmax(dim=1), labels, strict=True):
                self.log["predicted"].append(chances[1].item())
                self.log["label"].append(label.item())
        loss = self.generator_loss(images, fakes, labels)
        self.generator_optimiser.zero_grad(set_to_none=False)
        loss.backward()
        self.generator_optimiser.step()
        self.log["generator"].append(loss.item())

    def critic_loss(self, images: Tensor, fakes: Tensor, labels: Tensor, *, mixing: Tensor) -> tuple[Tensor, Tensor]:
        """Return the critic's loss and the class logits of the reals.

        ``mixing`` [batch, 1, 1, 1] is the share of the real image at the points where the slope is held to one.
        """
        real_scores, real_logits = self.critic(images)
        fake_scores, fake_logits = self.critic(fakes)
        between = (mixing * images + (1 - mixing) * fakes).requires_grad_()
        scores, _ = self.critic(between)
        (slope,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True, retain_graph=True)
        penalty = ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        loss = -(real_scores.mean() - fake_scores.mean()) + PENALTY_WEIGHT * penalty
        loss = loss + DRIFT_WEIGHT * (real_scores**2).mean()
        loss = loss + CLASS_WEIGHT * functional.cross_entropy(real_logits, labels)
        return loss + OTHER_CLASS_WEIGHT * functional.cross_entropy(fake_logits, labels), real_logits

    def generator_loss(self, images: Tensor, fakes: Tensor, labels: Tensor) -> Tensor:
        """Return the generator's loss; that of the reals' classes has no gradient."""
        scores, logits = self.critic(fakes)
        _, real_logits = self.critic(images)
        loss = -scores.mean() + CLASS_WEIGHT * functional.cross_entropy(logits, labels)
        return loss + OTHER_CLASS_WEIGHT * functional.cross_entropy(real_logits, labels)


class InMemory(Dataset):
    """A stack of slices, float32 [image, channel, row, column] in [-1, 1], with labels."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return torch.from_numpy(self.images[row]), int(self.labels[row])


def endless(images: np.ndarray, labels: np.ndarray, *, batch: int, workers: int = 0) -> Iterator[list[Tensor]]:
    """Yield batches of images and labels for ever, shuffled."""
    options = {"num_workers": workers, "persistent_workers": workers > 0}
    loader = DataLoader(InMemory(images, labels), batch_size=batch, shuffle=True, drop_last=True, **options)
    while True:
        yield from loader


def channels(size: int, width: int) -> list[int]:
    """Return the channels at 4, 8, ... ``size`` pixels."""
    return [int(width * factor) for factor in FACTORS[: size.bit_length() - 2]]
