"""What a schema cannot check of conditions of text and of models that are told them. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrisynth.errors import ConfigError

TEXT_FAMILIES = ("latent_diffusion", "mrgen")
"""Families that can be told prompts."""

_ENDING = "_ml"


def is_text(condition: Mapping[str, Any]) -> bool:
    """Return whether an entry of ``conditions`` is of text."""
    return condition.get("kind") == "text"


def may_tell_regions(condition: Mapping[str, Any]) -> bool:
    """Return whether a condition may be of what is measured of regions."""
    if is_text(condition):
        return any(name.endswith(_ENDING) for name in condition.get("columns", ()))
    return condition.get("kind") == "covariates"


def check_text_model(name: str, entry: Mapping[str, Any], condition: Mapping[str, Any], *, source: str) -> None:
    """Check a model against a condition of text.

    Args:
        name: the model.
        entry: its entry of a complete configuration.
        condition: the entry of its condition.
        source: the file they came from, named in errors.

    Raises:
        ConfigError: the family cannot be told prompts, or one class of them is to be trained on alone.
    """
    if not is_text(condition):
        return
    if entry["family"] not in TEXT_FAMILIES:
        raise ConfigError(
            f"{source}: models.{name} is of family {entry['family']}, and its condition {entry['condition']} is of "
            f"text, which {', '.join(TEXT_FAMILIES)} can be told."
        )
    if entry["only"] is not None:
        raise ConfigError(
            f"{source}: models.{name}.only is {entry['only']}, but {entry['condition']} is of text, which has no "
            "classes; take the key out."
        )


def similarity_folder(config: Mapping[str, Any], condition: str) -> tuple[str | None, bool]:
    """Return the folder of BiomedCLIP that images and prompts are compared by, and whether it has to have both towers.

    Args:
        config: the complete configuration.
        condition: of the model. Where it is told by BiomedCLIP and ``evaluation.biomedclip`` names no folder, its own
            is tried; some forms of it have a text tower alone.

    Returns:
        None for the encoders of the study.
    """
    if (wanted := config["evaluation"]["biomedclip"]) is not None:
        return wanted, True
    return config["conditions"].get(condition, {}).get("text", {}).get("folder"), False


def check_similarity(config: Mapping[str, Any], *, source: str) -> None:
    """Check the folder that images and prompts are compared by.

    Raises:
        ConfigError: it is not there.
    """
    folder = config["evaluation"]["biomedclip"]
    if folder is not None and not Path(folder).is_dir():
        raise ConfigError(
            f"{source}: evaluation.biomedclip is {folder}, which is no folder; expected one with BiomedCLIP as "
            "open_clip publishes it, or null: nothing is downloaded."
        )


def check_text_condition(name: str, condition: Mapping[str, Any], *, source: str) -> None:
    """Check a condition of text.

    Raises:
        ConfigError: nothing differs between its prompts, or it names no folder for a published encoder, one that is not
            there, or one for its own.
    """
    if not is_text(condition):
        return
    template, text, key = condition["template"], condition["text"], f"{source}: conditions.{name}"
    if not any((condition.get("columns"), template["contrast_column"], template["region_column"])):
        raise ConfigError(f"{key}.columns is missing; name columns that the prompts are written of.")
    if text["encoder"] == "own" and text["folder"] is not None:
        raise ConfigError(f"{key}.text.folder is {text['folder']}, but text.encoder is own, which reads no folder.")
    if text["encoder"] != "own" and (text["folder"] is None or not Path(text["folder"]).is_dir()):
        raise ConfigError(
            f"{key}.text.folder is {text['folder']}; expected a folder with the published files of {text['encoder']}: "
            "nothing is downloaded."
        )
