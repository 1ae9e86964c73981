"""What a schema cannot check of a model that is told covariates. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrisynth.errors import ConfigError

COVARIATE_FAMILIES = ("mssg", "hagan", "wgp_hagan", "latent_diffusion", "mrgen")
"""Families that can be told covariates."""


def check_covariate_model(name: str, entry: Mapping[str, Any], condition: Mapping[str, Any], *, source: str) -> None:
    """Check a model against the kind of its condition.

    Args:
        name: the model.
        entry: its entry of a complete configuration.
        condition: the entry of its condition.
        source: the file they came from, named in errors.

    Raises:
        ConfigError: the family cannot be told covariates, one source of them is to be trained on alone, the model has
            encoders, or a part of the participants is empty.
    """
    if condition["kind"] != "covariates":
        return
    if entry["family"] not in COVARIATE_FAMILIES:
        raise ConfigError(
            f"{source}: models.{name} is of family {entry['family']}, and its condition {entry['condition']} is of "
            f"covariates, which {', '.join(COVARIATE_FAMILIES)} can be told."
        )
    if entry["only"] is not None:
        raise ConfigError(
            f"{source}: models.{name}.only is {entry['only']}, but {entry['condition']} is of covariates; write a "
            "condition of that source alone."
        )
    if entry["recipe"].get("encoders", "none") != "none":
        raise ConfigError(
            f"{source}: models.{name}.recipe.encoders is {entry['recipe']['encoders']}, but the latents of scans are "
            "found and drawn by classes and not yet by covariates; expected none."
        )
    for place, (low, high) in ((key, given["part"]) for key, given in condition["sources"].items()):
        if low >= high:
            raise ConfigError(
                f"{source}: conditions.{entry['condition']}.sources.{place}.part is [{low}, {high}]; expected the "
                "smaller number first."
            )
