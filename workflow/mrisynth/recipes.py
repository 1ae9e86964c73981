"""Typed recipes: frozen dataclasses built from the validated configuration. Cheap to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """One named entry under ``models:`` of the configuration.

    Attributes:
        size: edge of the cube in voxels, a multiple of 32.
        images_total: training images shown in all, repeats counted.
        images_per_chunk: training images shown in one chunk, one job of the chain.
        ema_half_life_images: half-life of the moving average of the generator's weights, in images shown.
        family_recipe: the settings of the family (``recipe:`` in the configuration), defaults filled in.
    """

    name: str
    family: str
    condition: str
    size: int
    images_total: int
    images_per_chunk: int
    batch_size: int
    precision: str = "fp32"
    ema_half_life_images: float = 500.0
    allow_cpu: bool = False
    family_recipe: dict[str, Any] = field(default_factory=dict)

    @property
    def chunks(self) -> int:
        """Number of chunks in the chain; the last may be shorter."""
        return max(1, ceil(self.images_total / self.images_per_chunk))
