"""The settings of PACGAN: every entry of its published configuration is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mrisynth.models.progressive_settings import ProgressiveSettings


@dataclass(frozen=True, kw_only=True)
class PacganSettings(ProgressiveSettings):
    """The ``recipe:`` of a model of this family; by default without what harms the published one.

    Its published names: IN_CHANNELS is ``width``, FACTORS ``factors``, Z_DIM ``latent``, EMBEDDING_DIM ``embedding``,
    LAMBDA_GP ``penalty_weight``, LEARNING_RATE ``learning_rate_generator`` and ``learning_rate_critic``, BATCH_SIZES
    ``level_batch_sizes``, CRITIC_ITERATIONS ``level_critic_steps``, PROGRESSIVE_EPOCHS ``level_shares``,
    START_TRAIN_AT_IMG_SIZE ``first_level``, START_CHECK_AT (with VALIDATE) ``select_from``. LAMBDA_CLS_1 is
    ``condition_weight`` and ``condition_weight_generator``, LAMBDA_CLS_2 ``condition_weight_fakes``. IMAGE_CHANNELS and
    CLASS_SIZE come from the images and the condition.

    Attributes:
        select_from: share of a level's training from which on its epochs are judged by validation images, so that the
            level ends with its best weights; None keeps the last.
    """

    width: int = 512
    factors: Sequence[float] = (1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32)
    latent: int = 512
    select_from: float | None = None


AS_PUBLISHED: dict[str, Any] = {
    "first_layer": "plain",
    "level_batch_sizes": [32, 32, 32, 16, 16, 16, 16],
    "level_critic_steps": [1, 1, 1, 1, 1, 2, 2],
    "spread": "whole",
    "class_head": "shared",
    "classify_fakes": True,
    "condition_weight": 4.0,
    "condition_weight_fakes": 2.0,
    "condition_weight_generator": 4.0,
    "betas": [0.5, 0.999],
}
"""What differs from the defaults in the published training, for a recipe with batch_size 16, no moving average and no
augmentation. Its best weights were never taken back, though it says so: ``select_from`` stays None. Where the critic
has two steps for each of the generator's, each shows reals of its own."""
