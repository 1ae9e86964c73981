"""The settings of MRGen: those of latent diffusion, and how masks steer it."""

from __future__ import annotations

from dataclasses import dataclass

from mrisynth.errors import ConfigError
from mrisynth.models.latent_diffusion_settings import LatentDiffusionSettings, settings_of
from mrisynth.recipes import ModelRecipe


@dataclass(frozen=True, kw_only=True)
class MrgenSettings(LatentDiffusionSettings):
    """The ``recipe:`` of a model of this family.

    Attributes:
        classes: of the masks, without the background.
        control_share: of the training images, what the branch of the masks learns from, after all else.
        mask_input: one channel a class, ``one_hot``, or one grey channel, ``grey`` (published).
        mask_dropout: share of the masks that are shown as background throughout.
        class_ablation: share of the masks of which single classes are hidden, each with probability one half.
        branch_told: whether the branch is told the condition beside the mask (published). What it is told of a domain
            without masks is that nothing is to be steered, so that it does not steer there.
        learning_rate_control: of the branch.
    """

    classes: int = 1
    control_share: float = 0.3
    mask_input: str = "one_hot"
    mask_dropout: float = 0.1
    class_ablation: float = 0.2
    branch_told: bool = False
    learning_rate_control: float = 5e-4


def mrgen_settings_of(recipe: ModelRecipe, defaults: MrgenSettings) -> MrgenSettings:
    """Return the recipe's settings with the defaults filled in.

    Raises:
        ConfigError: as :func:`~mrisynth.models.latent_diffusion_settings.settings_of`, or nothing of the training is
            left for the denoiser.
    """
    settings = settings_of(recipe, defaults)
    shares = settings.control_share + (settings.autoencoder_share if settings.autoencoder == "kl" else 0.0)
    if shares >= 1:
        raise ConfigError(
            f"models.{recipe.name}.recipe: autoencoder_share and control_share are {shares:g} together; expected less "
            "than 1, so that images are left for the denoiser."
        )
    return settings
