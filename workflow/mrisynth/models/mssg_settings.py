"""The settings of MSSG and how the weight of what is told grows over a training."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import exp

from mrisynth.errors import ConfigError
from mrisynth.networks.batch_spread import SPREADS
from mrisynth.networks.mssg_generator import SMALLEST
from mrisynth.recipes import ModelRecipe

LARGEST = 256
MISSING = ("masked", "imputed")
WARM_UPS = ("relative", "published")
_PUBLISHED_STEP_IMAGES = 1_000_000
_PUBLISHED_FIRST, _PUBLISHED_LAST = 10, 2  # exponents, e^-10 to e^-2
_PUBLISHED_MOST = 0.1


@dataclass(frozen=True, kw_only=True)
class MssgSettings:
    """The ``recipe:`` of a model of this family.

    Attributes:
        width: channels of both networks up to ``full_to`` pixels; above it they halve as the edge doubles.
        full_to: see ``width``.
        latent: length of the latent.
        style: length of a style.
        mapping_layers: linear layers that make a style of a latent and what is told.
        spread: how the critic is told how much a batch differs: ``whole``, ``groups`` of four, or ``none``.
        head_width: numbers between the two layers of the critic's heads.
        missing: what the critic's heads learn of a real image whose source does not know a covariate: nothing,
            ``masked``, or a value drawn from the other sources, ``imputed`` (published).
        condition_weight: of what the heads say of real images, in the critic's loss.
        condition_weight_generator: of what they say of fakes, in the generator's loss.
        condition_warm_up: ``relative``: both weights grow from 0 over the first ``condition_warm_up_share`` of the
            training; ``published``: they are 0 up to a million images, then e^-10, e^-9 ... e^-2 for a million images
            each, at most 0.1, and 0.1 from then on, times the two weights.
        condition_warm_up_share: see ``condition_warm_up``.
        gamma: weight of the squared slope of the score at real images (R1), halved; None for
            0.0002 size^2 / batch size.
        penalty_every: updates of which one carries the penalty, that many times stronger.
        learning_rate_generator: of the generator.
        learning_rate_critic: of the critic.
        beta2: decay of Adam's mean square; that of the mean is 0.
    """

    width: int = 256
    full_to: int = 32
    latent: int = 256
    style: int = 256
    mapping_layers: int = 2
    spread: str = "groups"
    head_width: int = 128
    missing: str = "masked"
    condition_weight: float = 1.0
    condition_weight_generator: float = 1.0
    condition_warm_up: str = "relative"
    condition_warm_up_share: float = 0.05
    gamma: float | None = None
    penalty_every: int = 16
    learning_rate_generator: float = 2.5e-3
    learning_rate_critic: float = 2e-3
    beta2: float = 0.99

    def warmed_up(self, *, progress: float, images_seen: int) -> float:
        """Return by how much the weights of what is told are multiplied at a point of the training."""
        if self.condition_warm_up == "relative":
            share = self.condition_warm_up_share
            return min(1.0, progress / share) if share > 0 else 1.0
        passed = images_seen // _PUBLISHED_STEP_IMAGES
        if passed < 1:
            return 0.0
        exponent = _PUBLISHED_FIRST + 1 - passed
        return _PUBLISHED_MOST if exponent < _PUBLISHED_LAST else min(_PUBLISHED_MOST, exp(-exponent))

    def gamma_of(self, recipe: ModelRecipe) -> float:
        """Return the weight of the penalty."""
        return 0.0002 * recipe.size**2 / recipe.batch_size if self.gamma is None else self.gamma


def settings_of(recipe: ModelRecipe) -> MssgSettings:
    """Return a recipe's settings with the defaults filled in.

    Raises:
        ConfigError: a setting is unknown or out of its range, or the size is none of this family's.
    """
    where = f"models.{recipe.name}.recipe"
    unknown = sorted(set(recipe.family_recipe) - {field.name for field in fields(MssgSettings)})
    if unknown:
        raise ConfigError(f"{where}: mssg has no setting {', '.join(unknown)}.")
    settings = replace(MssgSettings(), **recipe.family_recipe)
    for name, known in (("spread", SPREADS), ("missing", MISSING), ("condition_warm_up", WARM_UPS)):
        if getattr(settings, name) not in known:
            raise ConfigError(f"{where}.{name} is {getattr(settings, name)!r}; expected one of {', '.join(known)}.")
    if recipe.size.bit_count() != 1 or not SMALLEST < recipe.size <= LARGEST:
        raise ConfigError(
            f"models.{recipe.name}.size is {recipe.size}; mssg makes images of {2 * SMALLEST} to {LARGEST} pixels a "
            "side, a power of 2."
        )
    return settings
