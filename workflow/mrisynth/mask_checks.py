"""What a schema cannot check of masks and of the models that they steer. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrisynth.errors import ConfigError
from mrisynth.image_checks import IMAGE_COHORTS
from mrisynth.label_classes import OF_TISSUES, label_classes
from mrisynth.recipes import MASKED_FAMILIES
from mrisynth.region_numberings import NUMBERINGS


def check_masks(config: Mapping[str, Any], *, source: str) -> None:
    """Check ``masks`` of a complete configuration, and that models that masks steer have some.

    Args:
        config: the configuration.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: there is nothing that masks can be made of, no numbering of label maps knows all the structures or
            tissues are not known, a domain is unannotated although there are no masks, or a model needs masks and there
            are none.
    """
    masks, regions = config["masks"], config["covariates"]["regions"]
    steered = [name for name, entry in config["models"].items() if entry["family"] in MASKED_FAMILIES]
    if not masks["classes"]:
        if masks["unannotated"]:
            raise ConfigError(f"{source}: masks.unannotated is given, but masks.classes names no class; name some.")
        if steered:
            raise ConfigError(
                f"{source}: models.{steered[0]} is of family {config['models'][steered[0]]['family']}, which masks "
                "steer, but masks.classes names no class; name some, such as {ventricles: [ventricles]}."
            )
        return
    if config["cohort"]["name"] in IMAGE_COHORTS:
        raise ConfigError(
            f"{source}: masks.classes is given, but cohort.name is {config['cohort']['name']}: images have no label "
            "maps or tissues to make masks of; take the key out."
        )
    if masks["from"] == "tissue":
        _check_tissues(masks["classes"], source=source)
        return
    if regions["from"] != "label_maps":
        raise ConfigError(
            f"{source}: masks.classes is given, but covariates.regions.from is {regions['from']}; masks are made of "
            "label maps, write label_maps, or tissue as masks.from to make them without."
        )
    _check_classes(masks["classes"], regions["numbering"], source=source)


def _check_tissues(classes: Mapping[str, Any], *, source: str) -> None:
    try:
        label_classes(classes, numbering=OF_TISSUES, key="masks.classes")
    except ConfigError as error:
        raise ConfigError(f"{source}: {error} masks.from is tissue; label_maps tells more.") from None


def _check_classes(classes: Mapping[str, Any], numbering: str, *, source: str) -> None:
    wrong: list[ConfigError] = []
    candidates = [numbering] if numbering != "auto" else [name for name in NUMBERINGS if name != "custom"]
    for candidate in candidates:
        try:
            label_classes(classes, numbering=candidate, key="masks.classes")
        except ConfigError as error:
            wrong.append(error)
    if len(wrong) == len(candidates):
        raise ConfigError(f"{source}: {wrong[0]}")
