"""PACGAN: a progressive GAN of slices whose critic also names their class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mrisynth.errors import MrisynthError
from mrisynth.models.interface import Batch, State
from mrisynth.models.pacgan_settings import PacganSettings
from mrisynth.models.progressive import Progressive
from mrisynth.networks.levels import to_edge
from mrisynth.networks.pacgan_generator import PacganGenerator
from mrisynth.recipes import ModelRecipe


class Pacgan(Progressive):
    """PACGAN (doi:10.1038/s41598-025-16257-1), by default with the changes that its settings can undo.

    By default its classifier learns from real images alone, answers for each image by itself, and has as many classes
    as the condition; the published one has two, learns from fakes too, and its answer depends on the batch.
    """

    name = "pacgan"
    defaults: PacganSettings = PacganSettings()

    def generator(self, recipe: ModelRecipe, *, classes: int) -> PacganGenerator:
        """Return an untrained generator."""
        settings = self.settings(recipe)
        return PacganGenerator(
            recipe.size,
            width=settings.width,
            factors=settings.factors,
            latent=settings.latent,
            embedding=settings.embedding,
            classes=classes,
            channels=recipe.channels,
            first_layer=settings.first_layer,
            first=settings.first_level,
        )

    def generator_weights(self, recipe: ModelRecipe, generator: nn.Module) -> list[dict]:
        """Return all weights, with one learning rate."""
        return [{"params": list(generator.parameters()), "lr": self.settings(recipe).learning_rate_generator}]

    def inputs(self, state: State, images: int, random: torch.Generator) -> dict[str, Tensor]:
        """Draw latents [images, latent]."""
        return {"latents": torch.randn(images, *self.latent_shape(state.recipe), generator=random)}

    def exported(self, recipe: ModelRecipe) -> list[str]:
        """Return the generator and, with a condition, the critic: it is a classifier."""
        return ["generator"] if recipe.is_unconditional else ["generator", "critic"]

    def classify(self, critic: nn.Module, images: Tensor) -> Tensor:
        """Return the class logits [batch, classes] of images.

        With ``class_head: shared`` they depend on which images are asked about together.

        Args:
            critic: of this family, with a class head.
            images: [batch, channels, edge, edge] in [-1, 1], of the critic's present level or larger by a power of 2.

        Raises:
            MrisynthError: when the critic knows no classes, or the images are of another size.
        """
        level, edge = int(critic.level), images.shape[-1]
        if edge not in critic.sizes or edge < level or images.shape[-2] != edge:
            raise MrisynthError(
                f"Images of {images.shape[-2]} x {edge} pixels; this critic takes squares of {level} to "
                f"{critic.size} pixels, powers of 2."
            )
        logits = critic.logits(to_edge(images, level))
        if logits is None:
            raise MrisynthError("This critic was trained without a condition and knows no classes.")
        return logits

    def judged_from(self, recipe: ModelRecipe) -> float | None:
        """Return the setting ``select_from``; None without a condition."""
        return None if recipe.is_unconditional else self.settings(recipe).select_from

    @torch.no_grad()
    def judge(self, state: State, batch: Batch, *, generator: torch.Generator) -> float:
        """Return the areas under two ROC curves, added up: of validation images, and of fakes with their labels.

        The classes are those that the critic names. One area over all images: the published code takes the mean of the
        areas of single batches. Over more than two classes it is the mean of one class against the rest. The fakes are
        those of the moving average, of latents drawn here.

        Args:
            state: at any level.
            batch: all validation images; those without a label are left out.
            generator: of the latents.
        """
        known = batch.labels >= 0
        images, labels = batch.images[known], batch.labels[known]
        latents = torch.randn(len(batch.labels), *self.latent_shape(state.recipe), generator=generator)
        latents = latents.to(images.device)[known]
        critic, maker = state.networks["critic"], state.averages["generator"]
        of_reals, of_fakes = [], []
        for first in range(0, len(labels), state.recipe.batch_size):
            part = slice(first, first + state.recipe.batch_size)
            of_reals.append(self.classify(critic, images[part]))
            of_fakes.append(self.classify(critic, maker(latents[part], labels[part])))
        return sum(_area(torch.cat(logits).softmax(dim=1).double(), labels) for logits in (of_reals, of_fakes))


def _area(chances: Tensor, labels: Tensor) -> float:
    """Return the share of pairs, of one of a class and one of another, in which the first is more likely of the class.

    Equal pairs count half; 0.5 when there is one class alone. Mean over classes, of two the second.
    """
    shares = []
    for number in labels.unique().tolist() if chances.shape[1] > 2 else [1]:
        inside, outside = (chances[chosen, number] for chosen in (labels == number, labels != number))
        if len(inside) and len(outside):
            apart = inside[:, None] - outside[None, :]
            shares.append(float((apart.sign() + 1).mean() / 2))
    return sum(shares) / len(shares) if shares else 0.5
