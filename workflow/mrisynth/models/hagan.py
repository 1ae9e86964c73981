"""HAGAN: the hierarchical GAN with two critics, in full resolution and in low resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import fields, replace

import torch
from torch import Tensor, nn

from mrisynth.errors import ConfigError
from mrisynth.models.contexts import frozen, seeded
from mrisynth.models.hagan_losses import critic_loss, generator_loss, global_encoder_loss, slab_encoder_loss
from mrisynth.models.hagan_settings import HaganSettings
from mrisynth.models.hagan_step import Step
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.networks.covariate_vector import CovariateVector
from mrisynth.networks.hagan_critics import LowCritic, SlabCritic
from mrisynth.networks.hagan_encoders import GlobalEncoder, SlabEncoder
from mrisynth.networks.hagan_generator import HaganGenerator
from mrisynth.recipes import ModelRecipe
from mrisynth.training.augmentation import draw_augmentation

_ENCODERS = ("encoder_slab", "encoder_global")


class Hagan:
    """HA-GAN (Sun et al. 2022), by default with every change that :class:`HaganSettings` can undo.

    One update is ``critic_steps`` steps of both critics, each on a new batch, then ``generator_steps`` of the
    generator, then one of each encoder, if there are any.
    """

    name = "hagan"
    defaults: HaganSettings = HaganSettings()

    def settings(self, recipe: ModelRecipe) -> HaganSettings:
        """Return the recipe's settings with this family's defaults filled in."""
        unknown = sorted(set(recipe.family_recipe) - {field.name for field in fields(self.defaults)})
        if unknown:
            raise ConfigError(f"models.{recipe.name}.recipe: {self.name} has no setting {', '.join(unknown)}.")
        settings = replace(self.defaults, **recipe.family_recipe)
        _check_together(recipe, settings)
        return settings

    def stages(self, recipe: ModelRecipe) -> list[Stage]:
        """Return the one stage."""
        return [Stage(name="adversarial")]

    def batches_per_update(self, recipe: ModelRecipe, stage: Stage) -> int:
        """Return one batch for each step of the critics."""
        return self.settings(recipe).critic_steps

    def latent_shape(self, recipe: ModelRecipe) -> tuple[int, ...]:
        """Return (latent,)."""
        return (self.settings(recipe).latent,)

    def condition_input(self, recipe: ModelRecipe) -> str:
        """Return the setting of that name."""
        return self.settings(recipe).condition_input

    def exported(self, recipe: ModelRecipe) -> list[str]:
        """Return the generator and the encoders, if there are any."""
        return ["generator", *(_ENCODERS if self.settings(recipe).encoders != "none" else ())]

    def network(self, name: str, recipe: ModelRecipe, *, columns: Sequence[int], seed: int) -> nn.Module:
        """Return one untrained network, on the CPU."""
        settings, size, width = self.settings(recipe), recipe.size, self.settings(recipe).width
        critic = {"width": width, "classes": CovariateVector(columns).vector, "spectral_norm": settings.spectral_norm}
        with seeded(seed, recipe.name, name):
            match name:
                case "generator":
                    return _generator(settings, size=size, columns=columns)
                case "critic_high":
                    return SlabCritic(size, tail=settings.critic_tail, **critic)
                case "critic_low":
                    return LowCritic(size, **critic)
                case "encoder_slab":
                    return SlabEncoder(width=width, groups=settings.groups)
                case _:
                    return GlobalEncoder(size, width=width, latent=settings.latent)

    def build(self, recipe: ModelRecipe, *, columns: Sequence[int], seed: int, device: str) -> State:
        """Return the state before the first update; the moving average starts from the same weights."""
        settings = self.settings(recipe)
        names = ["generator", "critic_high", "critic_low", *self.exported(recipe)[1:]]
        networks = {name: self.network(name, recipe, columns=columns, seed=seed) for name in names}
        for network in networks.values():
            network.to(device, memory_format=torch.channels_last_3d)
        generator = networks["generator"]
        average = deepcopy(generator).requires_grad_(requires_grad=False)
        for name, weight in generator.named_parameters():
            weight.requires_grad_(settings.trained_part == "all" or name.startswith("high."))
        groups = {
            "generator": ([weight for weight in generator.parameters() if weight.requires_grad], "generator"),
            "critics": ([*networks["critic_high"].parameters(), *networks["critic_low"].parameters()], "critic"),
        }
        groups |= {name: (list(networks[name].parameters()), "encoder") for name in names[3:]}
        return State(
            recipe=recipe,
            classes=CovariateVector(columns).classes,
            columns=columns,
            networks=networks,
            averages={"generator": average},
            optimisers={
                name: _adam(weights, getattr(settings, f"learning_rate_{rate}"), settings.betas)
                for name, (weights, rate) in groups.items()
            },
        )

    def update(
        self,
        state: State,
        batches: Sequence[Batch],
        *,
        stage: Stage,
        step: int,
        progress: float,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Do the critics' steps, the generator's and the encoders'; see :class:`mrisynth.models.interface.Family`."""
        settings, networks = self.settings(state.recipe), state.networks
        geometry, images = networks["generator"].layout, state.recipe.batch_size
        starts = _starts(settings, positions=geometry.positions, images=images, random=generator)
        penalised = step % settings.penalty_every == 0
        taken = _Taken(state=state, images=images)
        for batch in batches:
            drawn = _drawn(state, settings, batch, starts=starts, random=generator)
            taken.step(critic_loss, replace(drawn, penalised=penalised), ["critics"])
        with frozen(networks["critic_high"], networks["critic_low"]):
            for _ in range(settings.generator_steps):
                if settings.new_latents:
                    drawn = _drawn(state, settings, batches[-1], starts=starts, random=generator)
                taken.step(generator_loss, drawn, ["generator"])
        reached = ["generator"] if settings.encoders == "attached" else []
        with frozen(*([] if reached else [networks["generator"]])):
            for name, loss in zip(_ENCODERS, (slab_encoder_loss, global_encoder_loss), strict=True):
                if name in networks:
                    taken.step(loss, replace(drawn, recorded={}), [name, *reached])
        return taken.means() | {"skipped": torch.tensor(float(taken.skipped))}

    def sample(self, network: nn.Module, latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return whole volumes and low-resolution volumes, both in [-1, 1]."""
        volumes, low = network(latents, labels)
        return (2 * volumes - 1, 2 * low - 1) if network.data_range == "unit" else (volumes, low)


class _Taken:
    """The steps of one update: takes them and keeps their values."""

    def __init__(self, *, state: State, images: int) -> None:
        self.skipped = 0
        self._state, self._images = state, images
        self._values: dict[str, Tensor] = {}

    def step(self, loss: Callable[[Step, slice], Tensor], step: Step, optimisers: list[str]) -> None:
        chosen = [self._state.optimisers[name] for name in optimisers]
        good = self._state.stepper.step(lambda piece: loss(step, piece), chosen, images=self._images)
        self.skipped += not good
        self._values |= step.means()

    def means(self) -> dict[str, Tensor]:
        """Return the means over the batch of all processes."""
        names = list(self._values)
        packed = torch.stack([self._values[name] for name in names])
        self._state.stepper.team.add_up([packed])
        return dict(zip(names, packed.unbind(), strict=True))


def _generator(settings: HaganSettings, *, size: int, columns: Sequence[int]) -> HaganGenerator:
    return HaganGenerator(
        size,
        width=settings.width,
        latent=settings.latent,
        columns=columns,
        condition=settings.condition_input,
        groups=settings.groups,
        upsampling=settings.upsampling,
        slabs=settings.slabs,
        high_width=settings.high_width,
        high_layers=settings.high_layers,
        data_range=settings.data_range,
    )


def _starts(settings: HaganSettings, *, positions: int, images: int, random: torch.Generator) -> list[int]:
    """Draw the first voxel of each image's slab; ``positions`` counts the starts in slices of A."""
    match settings.positions:
        case "each_image":
            return (4 * torch.randint(positions, (images,), generator=random)).tolist()
        case "shared":
            return [4 * int(torch.randint(positions, (1,), generator=random))] * images
        case "shared_not_last":
            return [4 * int(torch.randint(positions - 1, (1,), generator=random))] * images
        case _:  # unaligned: any voxel
            return [int(torch.randint(4 * (positions - 1) + 1, (1,), generator=random))] * images


def _drawn(state: State, settings: HaganSettings, batch: Batch, *, starts: list[int], random: torch.Generator) -> Step:
    images = state.recipe.batch_size
    latents = torch.randn(images, settings.latent, generator=random).to(batch.labels.device)
    mix = torch.rand(images, generator=random)
    draw = None
    if state.augmentation > 0:
        ranges = state.recipe.augmentation_range
        draw = draw_augmentation(ranges, images, strength=state.augmentation, generator=random)
    return Step(state=state, settings=settings, batch=batch, starts=starts, latents=latents, mix=mix, draw=draw)


def _check_together(recipe: ModelRecipe, settings: HaganSettings) -> None:
    where = f"models.{recipe.name}.recipe"
    if settings.branches == "averaged" and settings.penalty != "none":
        raise ConfigError(
            f"{where}: branches averaged has one loss for both critics and no penalty; set penalty: none."
        )
    if settings.slabs == "published" and settings.high_layers:
        raise ConfigError(f"{where}: the published branch has no further layers; set high_layers: 0 or slabs: halo.")
    if settings.trained_part == "high" and settings.encoders != "none":
        raise ConfigError(f"{where}: trained_part high trains no encoder; set encoders: none.")
    if settings.data_range == "unit" and recipe.augmentation != "none":
        raise ConfigError(f"{where}: augmentation takes the background as -1; set data_range: signed.")


def _adam(weights: Iterable[nn.Parameter], learning_rate: float, betas: Sequence[float]) -> torch.optim.Adam:
    weights = list(weights)
    return torch.optim.Adam(weights, lr=learning_rate, betas=tuple(map(float, betas)), fused=not weights[0].is_meta)
