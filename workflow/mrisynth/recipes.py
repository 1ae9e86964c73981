"""Typed recipes: frozen dataclasses built from the validated configuration. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mrisynth.training.augmentation import AugmentationRange


SLICE_FAMILIES = ("pacgan", "stylegan", "r3gan", "mssg")
"""Families of 2D images."""
EITHER_FAMILIES = ("latent_diffusion", "mrgen")
"""Families of 2D images or of volumes, as ``dimensions`` of the model says; all others are of volumes."""
MASKED_FAMILIES = ("mrgen",)
"""Families that masks steer."""


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """One named entry under ``models:`` of the configuration.

    Attributes:
        size: edge of the cube in voxels, a multiple of 32; of slices in pixels, a power of 2 from 4 on.
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
        dimensions: 3 for volumes, 2 for slices.
        channels: of an image; 1 is grey.
        retrain_of: model whose stages have found their best lengths; this one is trained for so long, on the training
            and the validation scans.
        only: class of the condition that alone is trained on; the networks are then told nothing.
        augmentation_scale: enlarge and shrink, too.
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
    dimensions: int = 3
    channels: int = 1
    retrain_of: str | None = None
    only: str | None = None
    augmentation_scale: bool = True

    @property
    def is_unconditional(self) -> bool:
        """Whether the networks are told nothing: there is no condition, or it chooses one class to train on."""
        return self.condition == "none" or self.only is not None

    @property
    def has_schedule(self) -> bool:
        """Whether what an update does depends on the length of the whole training, as in all but GANs of volumes."""
        return self.dimensions == 2 or self.family in EITHER_FAMILIES

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image as networks see it: (channels, size, size, size) or (channels, size, size)."""
        return (self.channels, *[self.size] * self.dimensions)

    @property
    def packed_shape(self) -> tuple[int, ...]:
        """Shape of one image as it is packed: [x, y, z], [row, column], or in colour [row, column, channel]."""
        return self.image_shape[1:] + (self.image_shape[:1] if self.channels > 1 else ())

    @property
    def chunks(self) -> int:
        """Number of chunks in the chain; the last may be shorter."""
        return max(1, ceil(self.images_total / self.images_per_chunk))

    @property
    def augmentation_range(self) -> AugmentationRange:
        """How far images are changed by the augmentation."""
        from mrisynth.training.augmentation import AugmentationRange  # imports torch

        sizes = {} if self.augmentation_scale else {"scale": 0.0}
        return AugmentationRange(flip=self.augmentation_flip, **sizes)


def is_of_slices(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry under ``models:`` of a complete configuration is of 2D images."""
    return entry["family"] in SLICE_FAMILIES or entry["dimensions"] == 2


_ADDED = ("dimensions", "channels", "retrain_of", "only", "augmentation_scale")


def told(recipe: ModelRecipe) -> dict[str, Any]:
    """Return a recipe as a dictionary, without what later versions added where it changes nothing.

    Checksums and triggers are computed of it, so that an upgrade trains no model again.
    """
    usual = {entry.name: entry.default for entry in fields(recipe) if entry.name in _ADDED}
    return {key: value for key, value in asdict(recipe).items() if key not in usual or value != usual[key]}
