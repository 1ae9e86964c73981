"""What a study cannot be asked for whose input is images and not scans. Cheap to import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mrisynth.errors import ConfigError
from mrisynth.plain_text import check_path
from mrisynth.recipes import SLICE_FAMILIES, is_of_slices

IMAGE_COHORTS = ("images", "exchange", "labelled")
"""Kinds of cohorts whose input is 2D images: folders of a class, the exchange format, and folders with dataset.json."""

_KEPT_OF_PREPROCESSING = ("max_excluded_fraction", "field_mm")
_ALL_TAKEN = "all images of the folder are taken; take the key out and give a folder of those that are wanted"
_NO_LABEL_MAPS = "label maps are of volumes, and no area is measured in images; take the key out"
_SENSELESS = {  # block: key -> why not
    "cohort": {
        "demographics": "what is known of images lies beside them; take the key out",
        "scan_names": _ALL_TAKEN,
        "first_scans": _ALL_TAKEN,
    },
    "pyramid": {"sizes": "images have no volumes to pack; name further sizes of slices as slices.sizes"},
    "slices": {
        "positions": "images are slices already; take the key out",
        "volume_size": "images are cut from no volumes; take the key out",
        "matching": "cases are matched by age and images come without; take the key out and give a folder of matched "
        "images",
    },
    "evaluation": {
        "label_maps": _NO_LABEL_MAPS,
        "slice_areas": _NO_LABEL_MAPS,
    },
}


def check_image_study(given: Mapping[str, Any], config: Mapping[str, Any], *, source: str) -> None:
    """Refuse what makes no sense where the cohort is of images, and colour where it is not.

    Args:
        given: the configuration as it was given, without defaults.
        config: the same, complete.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: the folder is not there, or something is asked for that only volumes have: preprocessing, models of
            volumes, positions of slices, matching by age, areas by label maps. Or colours are asked for of scans.
    """
    name, person = (config["cohort"][key] for key in ("name", "participant_column"))
    if person is not None and name != "labelled":
        raise ConfigError(
            f"{source}: cohort.participant_column is {person}, but cohort.name is {name}: only labels of "
            "dataset.json say whose an image is; take the key out."
        )
    if name not in IMAGE_COHORTS:
        if config["cohort"]["colour"]:
            raise ConfigError(
                f"{source}: cohort.colour is true, but cohort.name is {name}: scans have no colours; take the key out."
            )
        return
    for key, why in _refused(given, config):
        raise ConfigError(f"{source}: {key}, but cohort.name is {config['cohort']['name']}: {why}.")
    folder = config["cohort"]["folder"]
    if folder is None or not Path(folder).is_dir():
        found = "missing" if folder is None else f"{folder}, which is no folder"
        raise ConfigError(
            f"{source}: the key cohort.folder is {found}; a cohort of kind {config['cohort']['name']} needs the folder "
            "of its images."
        )
    check_path(str(folder), key=f"{source}: cohort.folder")


def _refused(given: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what was asked for in vain, as the begin of a sentence, and why."""
    for name, entry in config["models"].items():
        if not is_of_slices(entry):
            families = ", ".join(SLICE_FAMILIES)
            advice = f"take one of {families}, or latent_diffusion with dimensions: 2"
            yield f"models.{name} is of volumes", f"there are none to train it on; {advice}"
    for key in _given(given, "preprocessing"):
        if key not in _KEPT_OF_PREPROCESSING:
            yield f"preprocessing.{key} is given", "images are packed as they are; take the key out"
    for block, keys in _SENSELESS.items():
        for key in _given(given, block):
            if key in keys:
                yield f"{block}.{key} is given", keys[key]
    if "slice_areas" in config["evaluation"]["metrics"]:
        yield "evaluation.metrics names slice_areas", "label maps are of volumes; take it out"


def _given(config: Mapping[str, Any], block: str) -> list[str]:
    """Return the keys of a block that have a value."""
    entries = config.get(block)
    return [key for key, value in entries.items() if value is not None] if isinstance(entries, Mapping) else []
