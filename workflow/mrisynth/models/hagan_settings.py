"""The settings of HAGAN: every published choice and every change of ours is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HaganSettings:
    """The ``recipe:`` of a model of this family; see the configuration's description of every key."""

    width: int = 64
    latent: int = 1024
    high_width: int | None = None
    high_layers: int = 2
    groups: int = 8
    upsampling: str = "nearest"
    slabs: str = "halo"
    positions: str = "each_image"
    low_resolution: str = "area"
    data_range: str = "signed"
    condition_input: str = "embedding"
    critic_tail: str = "position"
    spectral_norm: str = "none"
    loss: str = "relativistic"
    branches: str = "separate"
    high_weight: float = 1.0
    penalty: str = "zero_centred"
    penalty_weight: float = 1.0
    penalty_scale: str = "none"
    penalty_every: int = 1
    consistency_weight: float = 1.0
    diversity_weight: float = 2.0
    classify_fakes: bool = False
    condition_weight: float = 1.0
    condition_weight_generator: float = 1.0
    critic_loss_scale: float = 1.0
    critic_steps: int = 1
    generator_steps: int = 1
    new_latents: bool = True
    learning_rate_generator: float = 5e-5
    learning_rate_critic: float = 1e-4
    learning_rate_encoder: float = 1e-4
    betas: Sequence[float] = (0.0, 0.999)
    encoders: str = "none"
    reconstruction_weight: float = 1.0
    latent_weight: float = 0.1
    trained_part: str = "all"
