"""The published training steps, stated once more, as plainly as they go: float32, no mixed precision, no EMA.

Three trainings: HA-GAN of its authors, HAGAN and WGP-HAGAN of the IXI project. Each loss is a method of its own that
takes every random draw as an argument, so that tests can compare it; ``step`` draws and updates in the published order.
The critic's step makes its fakes without gradients in all three, which is kinder to the originals than their code is
known to be.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from published import (
    HA_GAN,
    IXI,
    LATENT,
    PUBLISHED_WIDTH,
    SLAB,
    CodeBase,
    Generator,
    LowCritic,
    SlabCritic,
    SlabEncoder,
    WholeEncoder,
    encode,
    joint_classes,
)
from torch import Tensor, nn
from torch.nn import functional

BETAS = (0.0, 0.999)
HIGH_WEIGHT = 4.0  # of the slab's branch in the IXI project's generator losses
PENALTY_WEIGHT = CLASS_WEIGHT = 10.0  # of WGP-HAGAN


class HaGan:
    """The HA-GAN authors' training: D, G, E^H, E^G, one update each; volumes in [-1, 1].

    Args:
        size: 64, 128 or 256.
        width: channels of A.
        columns: number of categories of each condition column; empty without a condition.
        device: of the networks.
    """

    base: CodeBase = HA_GAN
    encoder_rate = 1e-4
    encoders = True

    def __init__(
        self, size: int, *, width: int = PUBLISHED_WIDTH, columns: tuple[int, ...] = (), device: str = "cpu"
    ) -> None:
        self.size, self.device = size, device
        self.classes = classes = joint_classes(columns)
        self.g = Generator(size, self.base, width=width, columns=columns).to(device)
        self.d_h = SlabCritic(size, self.base, width=width, classes=classes).to(device)
        self.d_l = LowCritic(size, self.base, width=width, classes=classes).to(device)
        self.e_h = SlabEncoder(self.base, width=width).to(device)
        self.e_g = WholeEncoder(size, width=width).to(device)
        self.g_optimiser = torch.optim.Adam(self.g.parameters(), lr=1e-4, betas=BETAS)
        critics = [*self.d_h.parameters(), *self.d_l.parameters()]
        self.d_optimiser = torch.optim.Adam(critics, lr=4e-4, betas=BETAS)
        self.e_h_optimiser = torch.optim.Adam(self.e_h.parameters(), lr=self.encoder_rate, betas=BETAS)
        self.e_g_optimiser = torch.optim.Adam(self.e_g.parameters(), lr=self.encoder_rate, betas=BETAS)

    def step(self, batches: Sequence[Tensor], labels: Tensor | None = None) -> dict[str, float]:
        """Update all four networks once on one batch of volumes."""
        (volumes,) = batches
        start = self.random_start()
        _trainable(self.critics, True)
        _trainable([self.g, self.e_h, self.e_g], False)
        losses = {"critic": self.critic_loss(volumes, self.latents(volumes), start, labels)}
        _update(losses["critic"], self.d_optimiser)
        _trainable(self.critics, False)
        _trainable([self.g], True)
        losses["generator"] = self.generator_loss(self.latents(volumes), start, labels)
        _update(losses["generator"], self.g_optimiser)
        _trainable([self.g], False)
        if self.encoders:
            _trainable([self.e_h], True)
            losses["slab_encoder"] = self.slab_encoder_loss(volumes, start)
            _update(losses["slab_encoder"], self.e_h_optimiser)
            _trainable([self.e_h], False)
            _trainable([self.e_g], True)
            losses["whole_encoder"] = self.whole_encoder_loss(volumes, start, labels)
            _update(losses["whole_encoder"], self.e_g_optimiser)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    @property
    def critics(self) -> list[nn.Module]:
        """D^H and D^L."""
        return [self.d_h, self.d_l]

    def random_start(self) -> int:
        """Return the first voxel of a slab: any, also one between two slices of A."""
        return int(torch.randint(0, self.size * 7 // 8 + 1, ()))

    def latents(self, volumes: Tensor) -> Tensor:
        """Return one latent a volume."""
        return torch.randn(len(volumes), LATENT, device=self.device)

    def real(self, volumes: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Return the slab and the low-resolution volume, by nearest neighbour."""
        low = functional.interpolate(volumes, scale_factor=0.25, mode="nearest")
        return volumes[:, :, start : start + SLAB[self.size]], low

    def logits(self, slab: Tensor, low: Tensor, start: int) -> tuple[Tensor, Tensor | None]:
        """Return the mean of both critics' logits, and of their class logits."""
        (high_logit, high_class), (low_logit, low_class) = self.d_h(slab, start), self.d_l(low)
        return (high_logit + low_logit) / 2, (high_class + low_class) / 2 if self.classes else None

    def critic_loss(self, volumes: Tensor, z: Tensor, start: int, labels: Tensor | None = None) -> Tensor:
        """BCE on the mean logit of real (1) and fake (0), and cross-entropy of the class of the real."""
        with torch.no_grad():
            fake = self.g(z, labels, start=start)
        real_logit, real_class = self.logits(*self.real(volumes, start), start)
        fake_logit, _ = self.logits(*fake, start)
        loss = _bce(real_logit, 1.0) + _bce(fake_logit, 0.0)
        return loss + functional.cross_entropy(real_class, labels) if self.classes else loss

    def generator_loss(self, z: Tensor, start: int, labels: Tensor | None = None) -> Tensor:
        """BCE of the fake against 1, and a tenth of the cross-entropy of its class."""
        logit, class_logits = self.logits(*self.g(z, labels, start=start), start)
        loss = _bce(logit, 1.0)
        return loss + 0.1 * functional.cross_entropy(class_logits, labels) if self.classes else loss

    def slab_encoder_loss(self, volumes: Tensor, start: int) -> Tensor:
        """L1 of the slab through E^H and G^H."""
        slab, _ = self.real(volumes, start)
        return functional.l1_loss(self.g.high(self.e_h(slab)), slab)

    def whole_encoder_loss(self, volumes: Tensor, start: int, labels: Tensor | None = None) -> Tensor:
        """Mean of the L1 of the slab and of the low-resolution volume through E^H, E^G and G."""
        z = self.e_g(encode(self.e_h, volumes, size=self.size))
        slab, low = self.real(volumes, start)
        slab_again, low_again = self.g(z, labels, start=start)
        return (functional.l1_loss(slab_again, slab) + functional.l1_loss(low_again, low)) / 2


class IxiHagan(HaGan):
    """HAGAN of the IXI project: a loss a branch, aligned slabs, subsampled low resolution, volumes in [0, 1]."""

    base = IXI
    encoder_rate = 4e-4
    encoders = False

    def random_start(self) -> int:
        """Return the first voxel of a slab at a slice of A; the last position is never drawn."""
        return 4 * int(torch.randint(0, self.size * 7 // 32, ()))

    def real(self, volumes: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Return the slab and every fourth voxel."""
        return volumes[:, :, start : start + SLAB[self.size]], volumes[:, :, ::4, ::4, ::4]

    def critic_loss(self, volumes: Tensor, z: Tensor, start: int, labels: Tensor | None = None) -> Tensor:
        """Sum over both branches of half of (BCE and class cross-entropy of the real and of the fake)."""
        with torch.no_grad():
            fake = self.g(z, labels, start=start)
        return sum(
            (self._judged(critic, real, 1.0, start, labels) + self._judged(critic, made, 0.0, start, labels)) / 2
            for critic, real, made in zip(self.critics, self.real(volumes, start), fake, strict=True)
        )

    def generator_loss(self, z: Tensor, start: int, labels: Tensor | None = None) -> Tensor:
        """Low branch and four times the high branch of BCE against 1 and class cross-entropy."""
        slab, low = self.g(z, labels, start=start)
        high_loss = self._judged(self.d_h, slab, 1.0, start, labels)
        return self._judged(self.d_l, low, 1.0, start, labels) + HIGH_WEIGHT * high_loss

    def _judged(self, critic: nn.Module, images: Tensor, wanted: float, start: int, labels: Tensor | None) -> Tensor:
        logit, class_logits = critic(images, start) if critic is self.d_h else critic(images)
        loss = _bce(logit, wanted)
        return loss + functional.cross_entropy(class_logits, labels) if self.classes else loss


class WgpHagan(IxiHagan):
    """WGP-HAGAN of the IXI project: 1 critic step, then 5 generator steps with the same latents and slab."""

    def step(
        self, batches: Sequence[Tensor], labels: Tensor | None = None, *, generator_steps: int = 5
    ) -> dict[str, float]:
        """Update the critics once a batch, then the generator; its steps fill the critics' gradients for nothing."""
        z, start = self.latents(batches[0]), self.random_start()
        for volumes in batches:
            mixing = torch.rand(2, len(volumes), device=self.device)
            critic = self.critic_loss(volumes, z, start, labels, mixing=mixing)
            _update(critic, self.d_optimiser)
        for _ in range(generator_steps):
            generator = self.generator_loss(z, start, labels)
            _update(generator, self.g_optimiser)
        return {"critic": float(critic.detach()), "generator": float(generator.detach())}

    def critic_loss(
        self, volumes: Tensor, z: Tensor, start: int, labels: Tensor | None = None, *, mixing: Tensor
    ) -> Tensor:
        """Sum over both branches of fake - real + 10 penalty + 10 cross-entropy of the class of the real.

        ``mixing`` [2, batch] is each sample's share of the real image in the penalty, for the slab and the low branch.
        """
        with torch.no_grad():
            fake = self.g(z, labels, start=start)
        loss = torch.zeros((), device=volumes.device)
        for critic, real, made, share in zip(self.critics, self.real(volumes, start), fake, mixing, strict=True):
            score, class_logits = self._score(critic, real, start)
            loss = loss - score.mean() + self._score(critic, made, start)[0].mean()
            loss = loss + PENALTY_WEIGHT * self._penalty(critic, real, made, share, start)
            if self.classes:
                loss = loss + CLASS_WEIGHT * functional.cross_entropy(class_logits, labels)
        return loss

    def generator_loss(self, z: Tensor, start: int, labels: Tensor | None = None) -> Tensor:
        """Low branch and four times the high branch of - fake + 10 cross-entropy of its class."""
        slab, low = self.g(z, labels, start=start)
        loss = torch.zeros((), device=z.device)
        for critic, images, weight in ((self.d_h, slab, HIGH_WEIGHT), (self.d_l, low, 1.0)):
            score, class_logits = self._score(critic, images, start)
            loss = loss - weight * score.mean()
            if self.classes:
                loss = loss + weight * CLASS_WEIGHT * functional.cross_entropy(class_logits, labels)
        return loss

    def _score(self, critic: nn.Module, images: Tensor, start: int) -> tuple[Tensor, Tensor | None]:
        return critic(images, start) if critic is self.d_h else critic(images)

    def _penalty(self, critic: nn.Module, real: Tensor, fake: Tensor, share: Tensor, start: int) -> Tensor:
        share = share.view(-1, 1, 1, 1, 1)
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        score, _ = self._score(critic, mixed, start)
        (gradient,) = torch.autograd.grad(score.sum(), mixed, create_graph=True)
        return ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()


def _bce(logit: Tensor, wanted: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logit, torch.full_like(logit, wanted))


def _trainable(networks: Sequence[nn.Module], wanted: bool) -> None:
    for network in networks:
        network.requires_grad_(wanted)


def _update(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
