"""HAGAN: the hierarchical GAN with two logistic critics, in full resolution and in low resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.errors import ConfigError
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.networks.hagan_critics import LowCritic, SlabCritic
from mrisynth.networks.hagan_generator import HaganGenerator
from mrisynth.recipes import ModelRecipe
from mrisynth.seeds import derive_seed
from mrisynth.training.losses import class_loss, logistic_critic_loss, logistic_generator_loss
from mrisynth.training.precision import computing_in
from mrisynth.training.steps import guarded_step

Heads = tuple[Tensor, Tensor | None]


@dataclass(frozen=True, kw_only=True)
class HaganSettings:
    """The ``recipe:`` of a model of this family; see the configuration's description of every key."""

    width: int = 64
    latent: int = 1024
    learning_rate_generator: float = 1e-4
    learning_rate_critic: float = 4e-4
    betas: Sequence[float] = (0.0, 0.999)
    critic_steps: int = 1
    generator_steps: int = 1
    high_weight: float = 1.0
    condition_weight: float = 1.0
    spectral_norm: bool = True


class Hagan:
    """HA-GAN (Sun et al. 2022) with a loss for each critic, slabs aligned with the features, and no encoders.

    One update is ``critic_steps`` steps of both critics, each on a new batch, then ``generator_steps`` of the
    generator. Every image of a batch gets a slab position of its own (published: one for all), the same for its
    real and its fake.
    """

    name = "hagan"
    defaults: HaganSettings = HaganSettings()

    def settings(self, recipe: ModelRecipe) -> HaganSettings:
        """Return the recipe's settings with this family's defaults filled in."""
        unknown = sorted(set(recipe.family_recipe) - {field.name for field in fields(self.defaults)})
        if unknown:
            raise ConfigError(f"models.{recipe.name}.recipe: {self.name} has no setting {', '.join(unknown)}.")
        return replace(self.defaults, **recipe.family_recipe)

    def stages(self, recipe: ModelRecipe) -> list[Stage]:
        """Return the one stage."""
        return [Stage(name="adversarial")]

    def batches_per_update(self, recipe: ModelRecipe) -> int:
        """Return one batch for each step of the critics."""
        return self.settings(recipe).critic_steps

    def latent_shape(self, recipe: ModelRecipe) -> tuple[int, ...]:
        """Return (latent,)."""
        return (self.settings(recipe).latent,)

    def generator(self, recipe: ModelRecipe, *, classes: int, seed: int) -> HaganGenerator:
        """Return the untrained generator, on the CPU."""
        settings = self.settings(recipe)
        with _seeded(seed, recipe.name, "generator"):
            return HaganGenerator(recipe.size, width=settings.width, latent=settings.latent, classes=classes)

    def build(self, recipe: ModelRecipe, *, classes: int, seed: int, device: str) -> State:
        """Return the state before the first update; the moving average starts from the same weights."""
        settings = self.settings(recipe)
        shape = {"width": settings.width, "classes": classes, "spectral_norm": settings.spectral_norm}
        networks: dict[str, nn.Module] = {"generator": self.generator(recipe, classes=classes, seed=seed)}
        for name, critic in (("critic_high", SlabCritic), ("critic_low", LowCritic)):
            with _seeded(seed, recipe.name, name):
                networks[name] = critic(recipe.size, **shape)
        for network in networks.values():
            network.to(device, memory_format=torch.channels_last_3d)
        generator = networks["generator"]
        critics = [*networks["critic_high"].parameters(), *networks["critic_low"].parameters()]
        return State(
            recipe=recipe,
            classes=classes,
            networks=networks,
            averages={"generator": deepcopy(generator).requires_grad_(requires_grad=False)},
            optimisers={
                "generator": _adam(generator.parameters(), settings.learning_rate_generator, settings.betas),
                "critics": _adam(critics, settings.learning_rate_critic, settings.betas),
            },
        )

    def update(
        self, state: State, batches: Sequence[Batch], *, stage: Stage, step: int, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Do the critics' steps and the generator's; see :class:`mrisynth.models.interface.Family`."""
        positions = state.networks["generator"].layout.positions
        slab_starts = torch.randint(positions, (state.recipe.batch_size,), generator=generator).tolist()
        now = _Update(state=state, slab_starts=slab_starts, random=generator)
        good = [self._critic_step(now, batch) for batch in batches]
        with _frozen(state.networks["critic_high"], state.networks["critic_low"]):
            for _ in range(self.settings(state.recipe).generator_steps):
                good.append(self._generator_step(now, batches[-1].labels))
        skipped = torch.tensor(float(good.count(False)))
        return {name: loss.detach() for name, loss in now.losses.items()} | {"skipped": skipped}

    def sample(self, network: nn.Module, latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return whole volumes and low-resolution volumes, both in [-1, 1]."""
        return network(latents, labels)

    def critic_loss(
        self,
        critic: Callable[[Tensor], Heads],
        *,
        reals: Tensor,
        fakes: Tensor,
        scores: tuple[Tensor, Tensor],
        settings: HaganSettings,
        random: torch.Generator,
    ) -> Tensor:
        """Return the adversarial loss of one critic, given its scores of reals and of fakes."""
        return logistic_critic_loss(*scores)

    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        """Return the adversarial loss of the generator before one critic."""
        return logistic_generator_loss(fake_scores)

    def _critic_step(self, now: _Update, batch: Batch) -> bool:
        settings, precision = self.settings(now.state.recipe), now.state.recipe.precision
        with torch.no_grad(), computing_in(precision, batch.images):
            all_fakes = now.fakes(batch.labels, latent=settings.latent)
        all_reals = now.slabs(batch.images), functional.avg_pool3d(batch.images, 4)
        total = torch.zeros((), device=batch.images.device)
        for (name, critic), reals, fakes in zip(now.critics(), all_reals, all_fakes, strict=True):
            with computing_in(precision, reals):
                both, logits = critic(torch.cat([reals, fakes.to(reals.dtype)]))
            real_scores, fake_scores = both.float().chunk(2)
            loss = self.critic_loss(
                critic,
                reals=reals,
                fakes=fakes.float(),
                scores=(real_scores, fake_scores),
                settings=settings,
                random=now.random,
            )
            now.losses[f"critic_{name}"] = loss
            total = total + loss
            if logits is not None:
                now.losses[f"class_{name}"] = class_loss(logits[: len(reals)], batch.labels)
                total = total + settings.condition_weight * now.losses[f"class_{name}"]
        return guarded_step(total, now.state.optimisers["critics"])

    def _generator_step(self, now: _Update, labels: Tensor) -> bool:
        settings, precision = self.settings(now.state.recipe), now.state.recipe.precision
        weights = {"high": settings.high_weight, "low": 1.0}
        total = torch.zeros((), device=labels.device)
        with computing_in(precision, labels):
            all_fakes = now.fakes(labels, latent=settings.latent)
            heads = [critic(fakes) for (_, critic), fakes in zip(now.critics(), all_fakes, strict=True)]
        for (name, weight), (scores, logits) in zip(weights.items(), heads, strict=True):
            now.losses[f"generator_{name}"] = self.generator_loss(scores.float())
            branch = now.losses[f"generator_{name}"] + settings.condition_weight * class_loss(logits, labels)
            total = total + weight * branch
        return guarded_step(total, now.state.optimisers["generator"])


@dataclass(kw_only=True)
class _Update:
    """What the steps of one update share."""

    state: State
    slab_starts: list[int]
    random: torch.Generator
    losses: dict[str, Tensor] = field(default_factory=dict)

    def fakes(self, labels: Tensor, *, latent: int) -> tuple[Tensor, Tensor]:
        """Return new slabs and low-resolution volumes from the generator."""
        latents = torch.randn(len(labels), latent, generator=self.random).to(labels.device)
        return self.state.networks["generator"](latents, labels, slab_starts=self.slab_starts)

    def slabs(self, images: Tensor) -> Tensor:
        """Cut each image's slab; starts count slices of the feature cube, four voxels each."""
        thickness = self.state.networks["generator"].layout.slab
        cuts = [image[:, 4 * start :][:, :thickness] for image, start in zip(images, self.slab_starts, strict=True)]
        return torch.stack(cuts)

    def critics(self) -> list[tuple[str, Callable[[Tensor], Heads]]]:
        """Return the critics by name, of one batch or of several in a row."""

        def high(slabs: Tensor) -> Heads:
            starts = self.slab_starts * (len(slabs) // len(self.slab_starts))
            return self.state.networks["critic_high"](slabs, slab_starts=starts)

        return [("high", high), ("low", self.state.networks["critic_low"])]


def _adam(weights: Iterable[nn.Parameter], learning_rate: float, betas: Sequence[float]) -> torch.optim.Adam:
    weights = list(weights)
    return torch.optim.Adam(weights, lr=learning_rate, betas=tuple(betas), fused=not weights[0].is_meta)


@contextmanager
def _seeded(seed: int, *entity: str) -> Iterator[None]:
    """Give torch's initial weights a seed of their own and leave the surrounding random state untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initial", *entity))
        yield


@contextmanager
def _frozen(*networks: nn.Module) -> Iterator[None]:
    """Let gradients pass through the networks without computing those of their weights."""
    for network in networks:
        network.requires_grad_(requires_grad=False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(requires_grad=True)
