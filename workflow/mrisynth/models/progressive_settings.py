"""The settings that progressive families share, and what of them does not fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import log2
from typing import TypeVar

from mrisynth.errors import ConfigError
from mrisynth.networks.batch_spread import SPREADS
from mrisynth.networks.levels import SMALLEST, level_number, level_sizes
from mrisynth.networks.progressive_critic import CLASS_HEADS
from mrisynth.recipes import ModelRecipe

_WORDS = {"first_layer": ("scaled", "plain"), "spread": SPREADS, "class_head": CLASS_HEADS}
_BY_LEVEL = ("level_batch_sizes", "level_critic_steps", "level_shares")


@dataclass(frozen=True, kw_only=True)
class ProgressiveSettings:
    """The ``recipe:`` of a progressive model of slices.

    Lists by level have one entry for each of the levels 4, 8, 16 ... in order, up to the model's size at least; entries
    of levels below ``first_level`` and above the size are not used. An empty list gives all levels the same.

    Attributes:
        width: channels at 4 x 4.
        factors: channels of each level, in units of the width.
        latent: length of the latent.
        embedding: length of the vector of a class.
        first_layer: whether the weights of the generator's first convolution are ``scaled`` at run time as all others
            are, or ``plain``.
        first_level: edge of the images that the training begins with.
        first_fades: whether the first level, too, is faded in, from a level below that never was trained.
        fade_share: part of a level's training over which it is faded in.
        level_batch_sizes: images of a step, multiples of the recipe's batch size; that itself when empty.
        level_critic_steps: steps of the critic for each of the generator; one when empty.
        level_shares: images shown at each level, in any unit; equally many when empty.
        spread: how the critic is told how much a batch differs: ``whole``, ``groups`` of four, or ``none``.
        class_head: what the critic's classifier looks at: features of its ``own``, or those of the score, ``shared``.
        class_width: numbers between the two layers of the classifier.
        classify_fakes: whether the critic's classifier learns from fakes, too, which the generator then need not make
            typical of a class.
        condition_weight: of the cross-entropy of real images in the critic's loss.
        condition_weight_fakes: of the cross-entropy of fakes in the critic's loss, with ``classify_fakes``.
        condition_weight_generator: of the cross-entropy of fakes in the generator's loss. The larger, the more typical
            of their class, and the more alike, the fakes become.
        penalty_weight: of the penalty that holds the critic's slope to one.
        drift_weight: of the mean squared score of real images, which keeps scores near 0.
        new_latents: whether the generator's step draws latents of its own; without, it shows the fakes of the critic's
            last step, which need not be made again unless a batch is taken in pieces.
        learning_rate_generator: of the generator.
        learning_rate_critic: of the critic.
        betas: Adam's decays of the mean gradient and of its mean square.
    """

    width: int
    factors: Sequence[float]
    latent: int
    embedding: int = 3
    first_layer: str = "scaled"
    first_level: int = SMALLEST
    first_fades: bool = False
    fade_share: float = 0.5
    level_batch_sizes: Sequence[int] = ()
    level_critic_steps: Sequence[int] = ()
    level_shares: Sequence[float] = ()
    spread: str = "groups"
    class_head: str = "own"
    class_width: int = 150
    classify_fakes: bool = False
    condition_weight: float = 1.0
    condition_weight_fakes: float = 1.0
    condition_weight_generator: float = 1.0
    penalty_weight: float = 10.0
    drift_weight: float = 0.001
    new_latents: bool = False
    learning_rate_generator: float = 1e-3
    learning_rate_critic: float = 1e-3
    betas: Sequence[float] = (0.0, 0.99)

    def batch_size(self, level: int, recipe: ModelRecipe) -> int:
        """Return the images of one step at a level."""
        return self.level_batch_sizes[level_number(level)] if self.level_batch_sizes else recipe.batch_size

    def critic_steps(self, level: int) -> int:
        """Return the steps of the critic for each of the generator at a level."""
        return self.level_critic_steps[level_number(level)] if self.level_critic_steps else 1

    def share(self, level: int) -> float:
        """Return the share of the training images that a level is shown, in any unit."""
        return float(self.level_shares[level_number(level)]) if self.level_shares else 1.0

    def fades(self, level: int) -> bool:
        """Return whether a level is faded in."""
        return level > SMALLEST and (self.first_fades or level != self.first_level)


Settings = TypeVar("Settings", bound=ProgressiveSettings)


def settings_of(recipe: ModelRecipe, *, family: str, defaults: Settings) -> Settings:
    """Return a recipe's settings with the defaults of its family filled in.

    Raises:
        ConfigError: for a setting that the family does not have, and for settings that do not fit each other.
    """
    where = f"models.{recipe.name}.recipe"
    unknown = sorted(set(recipe.family_recipe) - {field.name for field in fields(defaults)})
    if unknown:
        raise ConfigError(f"{where}: {family} has no setting {', '.join(unknown)}.")
    settings = replace(defaults, **recipe.family_recipe)
    for name, known in _WORDS.items():
        if getattr(settings, name) not in known:
            raise ConfigError(f"{where}.{name} is {getattr(settings, name)!r}; expected one of {', '.join(known)}.")
    _check_levels(recipe, settings, where=where)
    return settings


def _check_levels(recipe: ModelRecipe, settings: ProgressiveSettings, *, where: str) -> None:
    if recipe.size < SMALLEST or not log2(recipe.size).is_integer():
        raise ConfigError(f"models.{recipe.name}.size is {recipe.size}; expected a power of 2 from {SMALLEST} on.")
    levels = level_sizes(recipe.size)
    if settings.first_level not in levels:
        raise ConfigError(
            f"{where}.first_level is {settings.first_level}; expected one of {', '.join(map(str, levels))}."
        )
    for name in ("factors", *_BY_LEVEL):
        given = getattr(settings, name)
        if len(given) < len(levels) and (given or name == "factors"):
            raise ConfigError(
                f"{where}.{name} has {len(given)} entries; expected {len(levels)}, one for each of the levels "
                f"{', '.join(map(str, levels))}."
            )
    for name in _BY_LEVEL:
        if any(number <= 0 for number in getattr(settings, name)):
            raise ConfigError(f"{where}.{name} has an entry that is not above 0; to leave out levels set first_level.")
    used = {settings.batch_size(level, recipe) for level in levels if level >= settings.first_level}
    uneven = sorted(images for images in used if images % recipe.batch_size)
    if uneven:
        raise ConfigError(
            f"{where}.level_batch_sizes: {', '.join(map(str, uneven))} is no multiple of batch_size, "
            f"{recipe.batch_size}; set batch_size to a common divisor."
        )
