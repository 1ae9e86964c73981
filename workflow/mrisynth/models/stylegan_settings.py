"""The settings of the style-based family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mrisynth.models.progressive_settings import ProgressiveSettings


@dataclass(frozen=True, kw_only=True)
class StyleganSettings(ProgressiveSettings):
    """The ``recipe:`` of a model of this family.

    Attributes:
        style: length of a style.
        mapping_layers: linear layers that make a style of a latent.
        mixing: share of the fakes in training whose last layers follow a second latent.
        truncation: how far the styles of samples stay from the mean style of their class; 1 leaves them as they are.
        style_scales: whether the scales that a style asks for start around ``one`` or, published, around ``zero``, with
            twice as large maps of the style and to the image, which begin as all but black and white then.
        learning_rate_mapping: of the mapping network.
    """

    width: int = 256
    factors: Sequence[float] = (1, 1, 1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32)
    latent: int = 256
    embedding: int = 256
    first_level: int = 8
    style: int = 256
    mapping_layers: int = 8
    mixing: float = 0.9
    truncation: float = 1.0
    style_scales: str = "one"
    learning_rate_mapping: float = 1e-5


AS_PUBLISHED: dict[str, Any] = {
    "first_layer": "plain",
    "first_fades": True,
    "spread": "whole",
    "mixing": 0.0,
    "style_scales": "zero",
}
"""What differs from the defaults in the StyleGAN of 2024 on slices of controls or of patients (shakes76/
PatternAnalysis-2024, recognition/StyleGAN_Jason_47492347), for a recipe with batch_size 8, size 128, no condition, no
moving average and no augmentation. Its list of batch sizes by level was never used: 8 at every level."""
