"""The settings of latent diffusion: its autoencoder, its denoiser, and how samples are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import cos, pi

from mrisynth.diffusion.noise_prediction import SAMPLERS as NOISE_SAMPLERS
from mrisynth.errors import ConfigError
from mrisynth.networks.latent_autoencoder import GROUPS
from mrisynth.recipes import ModelRecipe

_SAMPLERS = {"rectified_flow": ("euler", "heun"), "epsilon": NOISE_SAMPLERS}


@dataclass(frozen=True, kw_only=True)
class LatentDiffusionSettings:
    """The ``recipe:`` of a model of this family.

    Attributes:
        autoencoder: ``kl``, or ``none`` for diffusion of the voxels themselves.
        patch: edge of the blocks of voxels that are folded into channels before all else.
        latent_channels: of the autoencoder.
        autoencoder_width: channels of its first level.
        autoencoder_factors: channels of each level as a multiple of that; every level but the last halves the edge.
        autoencoder_blocks: residual blocks a level.
        autoencoder_share: of the training images, what the autoencoder learns from before the denoiser begins.
        reconstruction: mean absolute error, ``l1``, or squared, ``l2``.
        kl_weight: of the divergence of the latents from standard normal ones, averaged over them.
        adversarial_weight: of the critic of patches; 0 for none.
        adversarial_from: share of the autoencoder's training from which on the critic has a say.
        feature_weight: of how far a reconstruction is from its image in what the critic's layers see: the perceptual
            term, which needs no download.
        critic_width: channels of its first layer.
        critic_layers: layers that halve the edge.
        latent_scale: what latents are multiplied by; None to give each channel mean 0 and deviation 1 as measured.
        denoiser_width: channels of its first level.
        denoiser_factors: as of the autoencoder.
        denoiser_blocks: residual blocks a level.
        denoiser_batches: batches that one update of the denoiser takes.
        attention_from: first level of the denoiser with attention.
        head_width: channels of a head of attention.
        token_width: length of the tokens that tell the condition.
        objective: ``rectified_flow`` or ``epsilon``.
        times: how often each time is shown: ``logit_normal`` or ``uniform``; of rectified flow.
        sampler: ``euler`` or ``heun`` of rectified flow, ``ddim`` or ``pndm`` of epsilon; None for the first.
        steps: of the sampler.
        guidance: of samples by what they are told; 1 for none.
        condition_dropout: share of the images that are shown without a context.
        value_dropout: share of the values of the others that are told as missing.
        learning_rate_autoencoder: of the autoencoder.
        learning_rate_critic: of the critic of patches.
        learning_rate_denoiser: of the denoiser and the tokens.
        rate_decay: ``cosine``: rates fall to a tenth by the end of each stage, after 20 updates of warming up;
            ``none``.
        weight_decay: of AdamW.
    """

    autoencoder: str = "kl"
    patch: int = 2
    latent_channels: int = 4
    autoencoder_width: int = 32
    autoencoder_factors: Sequence[float] = (1, 2)
    autoencoder_blocks: int = 1
    autoencoder_share: float = 0.3
    reconstruction: str = "l1"
    kl_weight: float = 1e-4
    adversarial_weight: float = 0.01
    adversarial_from: float = 0.5
    feature_weight: float = 0.1
    critic_width: int = 32
    critic_layers: int = 2
    latent_scale: float | None = None
    denoiser_width: int = 64
    denoiser_factors: Sequence[float] = (1, 2, 2)
    denoiser_blocks: int = 1
    denoiser_batches: int = 1
    attention_from: int = 2
    head_width: int = 32
    token_width: int = 64
    objective: str = "rectified_flow"
    times: str = "logit_normal"
    sampler: str | None = None
    steps: int = 30
    guidance: float = 1.5
    condition_dropout: float = 0.1
    value_dropout: float = 0.1
    learning_rate_autoencoder: float = 1e-3
    learning_rate_critic: float = 2e-4
    learning_rate_denoiser: float = 5e-4
    rate_decay: str = "cosine"
    weight_decay: float = 1e-2

    @property
    def factor(self) -> int:
        """How many voxels a side one latent stands for."""
        return self.patch * (2 ** (len(self.autoencoder_factors) - 1) if self.autoencoder == "kl" else 1)

    @property
    def autoencoder_widths(self) -> list[int]:
        """Channels of the autoencoder's levels."""
        return [round(self.autoencoder_width * factor) for factor in self.autoencoder_factors]

    @property
    def denoiser_widths(self) -> list[int]:
        """Channels of the denoiser's levels."""
        return [round(self.denoiser_width * factor) for factor in self.denoiser_factors]

    @property
    def chosen_sampler(self) -> str:
        """The sampler."""
        return self.sampler or _SAMPLERS[self.objective][0]

    def channels_of(self, recipe: ModelRecipe) -> int:
        """Channels of the latents."""
        return self.latent_channels if self.autoencoder == "kl" else recipe.channels * self.patch**recipe.dimensions

    def rate(self, *, progress: float, step: int) -> float:
        """Return what learning rates are multiplied by at a share of a stage, ``step`` updates into the training."""
        if self.rate_decay == "none":
            return 1.0
        return min(1.0, (step + 1) / 20) * (0.55 + 0.45 * cos(pi * progress))


def settings_of(recipe: ModelRecipe, defaults: LatentDiffusionSettings) -> LatentDiffusionSettings:
    """Return the recipe's settings with the defaults filled in.

    Raises:
        ConfigError: for a setting that there is not, or settings that cannot work together.
    """
    unknown = sorted(set(recipe.family_recipe) - {field.name for field in fields(defaults)})
    if unknown:
        raise ConfigError(f"models.{recipe.name}.recipe: {recipe.family} has no setting {', '.join(unknown)}.")
    settings = replace(defaults, **recipe.family_recipe)
    where = f"models.{recipe.name}.recipe"
    known = _SAMPLERS[settings.objective]
    if settings.chosen_sampler not in known:
        raise ConfigError(
            f"{where}.sampler is {settings.sampler}; of the objective {settings.objective} expected "
            f"{' or '.join(known)}."
        )
    latent, halvings = recipe.size / settings.factor, len(settings.denoiser_factors) - 1
    if latent % 2**halvings or latent < 2**halvings:
        raise ConfigError(
            f"{where}: at size {recipe.size} latents have an edge of {latent:g}, which {halvings} halvings of the "
            f"denoiser do not divide; give fewer denoiser_factors or autoencoder_factors, or a smaller patch."
        )
    widths = {"denoiser": settings.denoiser_widths}
    widths |= {"autoencoder": settings.autoencoder_widths} if settings.autoencoder == "kl" else {}
    for name, found in widths.items():
        if wrong := [width for width in found if width % GROUPS]:
            raise ConfigError(f"{where}: the {name} would have {wrong[0]} channels; expected multiples of {GROUPS}.")
    channels = settings.channels_of(recipe)
    if settings.denoiser_widths[0] < channels:
        raise ConfigError(
            f"{where}: the denoiser has {settings.denoiser_widths[0]} channels, through which the noise of latents of "
            f"{channels} channels cannot pass; expected denoiser_width {channels} or more, or a smaller patch."
        )
    attending = settings.denoiser_widths[settings.attention_from :] or settings.denoiser_widths[-1:]
    if wrong := [width for width in attending if width % settings.head_width]:
        raise ConfigError(
            f"{where}: {wrong[0]} channels cannot be divided into heads of {settings.head_width} (head_width)."
        )
    return settings
