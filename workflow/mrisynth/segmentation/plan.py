"""What a study segments: its arms, the size of their images and the settings of nnU-Net. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrisynth.errors import ConfigError

if TYPE_CHECKING:
    from mrisynth.recipes import ModelRecipe

ARMS: Mapping[str, str] = {
    "source": "annotated scans",
    "source_strong": "annotated scans, strong intensity changes",
    "source_matched": "annotated scans made as bright as those of the domain",
    "synthetic": "synthetic images alone",
    "both": "annotated scans and synthetic images",
    "both_strong": "both, strong intensity changes",
    "both_matched": "both, the annotated scans made as bright as those of the domain",
    "ceiling": "scans of the domain with masks that no one would have",
}
"""Arm -> what it is trained on, in words."""

OF_SYNTHESIS = ("synthetic", "both", "both_strong", "both_matched")
"""The arms that are trained on synthetic images."""

MATCHED = ("source_matched", "both_matched")
"""The arms whose annotated scans are given the brightness of the domain that is tested."""

_OF_DOMAIN = {
    **dict.fromkeys(MATCHED, "whose scans are made as bright as those of the domain that is tested"),
    "ceiling": "which is trained on a domain whose masks the others may not see",
}

_OF_TRAINING = ("epochs", "iterations", "batch_size", "initial_learning_rate", "gpu_memory_gb")


@dataclass(frozen=True, kw_only=True)
class SegmentationPlan:
    """What is segmented in a study.

    Attributes:
        arms: names of :data:`ARMS`, in the order of the tables.
        synthesis: entry of ``synthesis`` whose images arms are trained on; None where none is.
        dimensions: 2 for slices, 3 for volumes.
        size: edge of the images, one of those that are packed.
        classes: of the masks, in the order of their numbers, which begin with 1.
        structures: those of them that are segmented; the others count as background.
        unannotated: column of ``scans.tsv`` -> values of the domain that is tested; empty where all test scans are.
        training: what the settings of its training are, the same for all arms.
        tolerance_mm: of the surface Dice; None for the edge of a voxel.
        shown: test volumes in the picture.
    """

    arms: tuple[str, ...]
    synthesis: str | None
    dimensions: int
    size: int
    classes: tuple[str, ...]
    structures: tuple[str, ...]
    unannotated: Mapping[str, Sequence[str]]
    training: Mapping[str, Any]
    tolerance_mm: float | None
    shown: int

    @property
    def packed(self) -> str:
        """Return the folder of the packed images."""
        return "slices" if self.dimensions == 2 else "pyramid"

    @property
    def domain(self) -> str:
        """Return words for whom the arms are tested on."""
        if not self.unannotated:
            return "test scans"
        values = (f"{column} {' or '.join(map(str, names))}" for column, names in self.unannotated.items())
        return f"test scans of {', '.join(values)}"

    @property
    def numbers(self) -> dict[str, int]:
        """Return the structures with their numbers in the masks."""
        return {name: self.classes.index(name) + 1 for name in self.structures}

    def settings(self, arm: str) -> dict[str, Any]:
        """Return the arguments of :class:`.nnunet_run.Settings` but for seed, machine and predictions."""
        configuration = "2d" if self.dimensions == 2 else "3d_fullres"
        return {**self.training, "configuration": configuration, "strong_intensity": arm.endswith("_strong")}


def segmentation_plan(
    config: Mapping[str, Any], *, models: Mapping[str, ModelRecipe], packed: Mapping[int, Sequence[int]], source: str
) -> SegmentationPlan | None:
    """Return the plan of a complete configuration; None where it names no arms.

    Args:
        config: the configuration.
        models: the recipes of its models.
        packed: dimensions -> sizes that the study packs.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: an arm needs what is not there, or the images or structures to segment are not known.
    """
    given = config["segmentation"]
    if not given["arms"]:
        return None
    masks = config.get("masks") or {}
    classes, unannotated = tuple(masks.get("classes") or {}), masks.get("unannotated") or {}
    if not classes:
        raise ConfigError(
            f"{source}: segmentation.arms are given but masks.classes is empty; say which labels are which structure."
        )
    if not unannotated and (wanting := [arm for arm in _OF_DOMAIN if arm in given["arms"]]):
        raise ConfigError(
            f"{source}: segmentation.arms has {wanting[0]}, {_OF_DOMAIN[wanting[0]]}, and masks.unannotated names "
            "none; take it out, or name one."
        )
    synthesis = _synthesis(given, config.get("synthesis") or {}, source=source)
    structures = tuple(classes if given["structures"] is None else given["structures"])
    if unknown := [name for name in structures if name not in classes]:
        raise ConfigError(
            f"{source}: segmentation.structures names {unknown[0]}; masks.classes has {', '.join(classes)}."
        )
    dimensions, size = _images(given, synthesis, models, source=source)
    if size not in packed[dimensions]:
        key = "slices.sizes" if dimensions == 2 else "pyramid.sizes"
        raise ConfigError(
            f"{source}: segmentation wants images of {size} in {dimensions}D, and packed are "
            f"{', '.join(map(str, packed[dimensions])) or 'none'}; add {size} to {key}, or choose one of these as "
            "segmentation.size."
        )
    return SegmentationPlan(
        arms=tuple(name for name in ARMS if name in given["arms"]),
        synthesis=None if synthesis is None else given["synthesis"],
        dimensions=dimensions,
        size=size,
        classes=classes,
        structures=structures,
        unannotated=unannotated,
        training={key: given[key] for key in _OF_TRAINING},
        tolerance_mm=given["tolerance_mm"],
        shown=given["shown"],
    )


def _synthesis(given: Mapping[str, Any], known: Mapping[str, Any], *, source: str) -> Mapping[str, Any] | None:
    """Return the entry of the synthesis that arms are trained on."""
    name = given["synthesis"]
    if name is None:
        if wanting := [arm for arm in OF_SYNTHESIS if arm in given["arms"]]:
            raise ConfigError(
                f"{source}: segmentation.arms has {wanting[0]}, which is trained on synthetic images; name an entry of "
                f"synthesis as segmentation.synthesis, of which there are: {', '.join(known) or 'none'}."
            )
        return None
    if name not in known:
        raise ConfigError(
            f"{source}: segmentation.synthesis is {name}; known under synthesis are: {', '.join(known) or 'none'}."
        )
    return known[name]


def _images(
    given: Mapping[str, Any], synthesis: Mapping[str, Any] | None, models: Mapping[str, ModelRecipe], *, source: str
) -> tuple[int, int]:
    """Return the dimensions and the size of the images: those of the synthesis, else those that are named."""
    named = {key: given[key] for key in ("dimensions", "size")}
    if synthesis is None:
        if missing := [key for key, value in named.items() if value is None]:
            raise ConfigError(
                f"{source}: segmentation.{missing[0]} is missing; without segmentation.synthesis it says what images "
                "are segmented."
            )
        return given["dimensions"], given["size"]
    model = models.get(synthesis["model"])
    if model is None:
        raise ConfigError(
            f"{source}: synthesis.{given['synthesis']}.model is {synthesis['model']}; known are {', '.join(models)}."
        )
    for key, drawn in (("dimensions", model.dimensions), ("size", model.size)):
        if named[key] not in (None, drawn):
            raise ConfigError(
                f"{source}: segmentation.{key} is {named[key]} but {model.name}, the model of segmentation.synthesis, "
                f"has {drawn}; leave the key out."
            )
    return model.dimensions, model.size
