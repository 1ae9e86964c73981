"""A progressive style-based GAN of slices (StyleGAN, Karras et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.errors import ConfigError
from mrisynth.models.interface import State
from mrisynth.models.progressive import Progressive
from mrisynth.models.slice_step import SliceStep
from mrisynth.models.stylegan_settings import StyleganSettings
from mrisynth.networks.levels import to_edge
from mrisynth.networks.style_generator import StyleGenerator
from mrisynth.networks.style_layers import STYLE_STARTS
from mrisynth.networks.style_noise import noise_count
from mrisynth.recipes import ModelRecipe


class Stylegan(Progressive):
    """StyleGAN (arXiv:1812.04948) with a Wasserstein critic, with or without a condition.

    With a condition the vector of the class stands beside the latent, and the critic has a classifier, as in PACGAN.
    """

    name = "stylegan"
    defaults: StyleganSettings = StyleganSettings()

    def settings(self, recipe: ModelRecipe) -> StyleganSettings:
        """Return the recipe's settings with this family's defaults filled in."""
        settings = super().settings(recipe)
        if settings.style_scales not in STYLE_STARTS:
            raise ConfigError(
                f"models.{recipe.name}.recipe.style_scales is {settings.style_scales!r}; expected one of one, zero."
            )
        return settings

    def generator(self, recipe: ModelRecipe, *, classes: int) -> StyleGenerator:
        """Return an untrained generator."""
        settings = self.settings(recipe)
        return StyleGenerator(
            recipe.size,
            width=settings.width,
            factors=settings.factors,
            latent=settings.latent,
            style=settings.style,
            mapping_layers=settings.mapping_layers,
            embedding=settings.embedding,
            classes=classes,
            channels=recipe.channels,
            first_layer=settings.first_layer,
            style_scales=settings.style_scales,
            truncation=settings.truncation,
            first=settings.first_level,
        )

    def generator_weights(self, recipe: ModelRecipe, generator: nn.Module) -> list[dict]:
        """Return the mapping network's weights apart from the others: they learn more slowly."""
        settings = self.settings(recipe)
        others = [weight for name, weight in generator.named_parameters() if not name.startswith("mapping.")]
        return [
            {"params": others, "lr": settings.learning_rate_generator},
            {"params": list(generator.mapping.parameters()), "lr": settings.learning_rate_mapping},
        ]

    def inputs(self, state: State, images: int, random: torch.Generator) -> dict[str, Tensor]:
        """Draw latents, noise and, where styles are mixed, second latents and the layer from which on they direct."""
        settings, generator = self.settings(state.recipe), state.networks["generator"]
        level, layers = int(generator.level), generator.styled_layers
        drawn = {
            "latents": torch.randn(images, settings.latent, generator=random),
            "noise": torch.randn(images, noise_count(level), generator=random),
        }
        if settings.mixing:
            mixed = torch.rand(images, generator=random) < settings.mixing
            first = torch.randint(1, layers, (images,), generator=random)
            drawn["mixed_latents"] = torch.randn(images, settings.latent, generator=random)
            drawn["mixed_from"] = torch.where(mixed, first, layers)
        return drawn

    def after_steps(self, state: State, drawn: SliceStep) -> None:
        """Keep the mean styles up to date."""
        state.networks["generator"].track_styles(drawn.inputs["latents"], drawn.labels)

    def sample(self, network: nn.Module, latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return images at the model's size and area averages of 4 x 4 pixels, both in [-1, 1].

        The noise follows from the latent: one latent and label, one image.
        """
        images = to_edge(network.truncated(latents, labels), network.size)
        return images, functional.avg_pool2d(images, 4)
