"""Typed recipes: frozen dataclasses built from the validated configuration. Cheap to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mrisynth.training.augmentation import AugmentationRange


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """One named entry under ``models:`` of the configuration.

    Attributes:
        size: edge of the cube in voxels, a multiple of 32.
        images_total: training images shown in all, repeats counted.
        images_per_chunk: training images shown in one chunk, one job of the chain.
        batch_size: images of one optimiser step, of all devices together.
        ema_half_life_images: half-life of the moving average of the generator's weights, in images shown; 0 for none.
        augmentation: ``none``, ``fixed``, ``ramp`` or ``adaptive``.
        augmentation_strength: largest probability with which an image is changed, for each kind of change.
        augmentation_images: images over which the strength goes from 0 to 1 (ramp: to its largest).
        augmentation_flip: mirror left and right, too.
        balance_classes: show every class equally often.
        devices: GPUs (or CPU processes) that train the model together.
        compiled: compile the networks by torch.compile.
        rollback_after: updates in a row that are not finite before older weights are taken back.
        most_rollbacks: how often that may happen before the training stops.
        watch_every_images: images between two grids of samples; 0 for one a chunk.
        start_from: model, or file of weights, that the first chunk takes its weights from.
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
    augmentation: str = "none"
    augmentation_strength: float = 0.3
    augmentation_images: int = 20000
    augmentation_flip: bool = True
    balance_classes: bool = False
    devices: int = 1
    compiled: bool = False
    rollback_after: int = 20
    most_rollbacks: int = 3
    watch_every_images: int = 0
    start_from: str | None = None
    allow_cpu: bool = False
    family_recipe: dict[str, Any] = field(default_factory=dict)

    @property
    def chunks(self) -> int:
        """Number of chunks in the chain; the last may be shorter."""
        return max(1, ceil(self.images_total / self.images_per_chunk))

    @property
    def augmentation_range(self) -> AugmentationRange:
        """How far images are changed by the augmentation."""
        from mrisynth.training.augmentation import AugmentationRange  # imports torch

        return AugmentationRange(flip=self.augmentation_flip)
