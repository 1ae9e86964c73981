"""What no augmentation may change of the images of a model, whatever its entry says. Cheap to import."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mrisynth.recipes import is_of_slices

_SIDES = re.compile(r"(^|_)(left|right|lh|rh|l|r)(_|$)")


def told_columns(condition: Mapping[str, Any]) -> list[str]:
    """Return the columns that a condition of covariates or of text tells a model, of a complete configuration."""
    if condition.get("kind") == "text":
        return list(condition.get("columns", ()))
    if condition.get("kind") != "covariates":
        return []
    return [name for source in condition.get("sources", {}).values() for name in source["covariates"]]


def augmentation_limits(entry: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, bool]:
    """Return fields of a model's recipe that forbid a kind of augmentation.

    Nothing is mirrored where a slice is sagittal, whose left and right are front and back, or where a covariate of the
    model's condition is of one side: a mirrored image has the other's. Nothing is enlarged or shrunk where covariates
    are told, in words either: most are volumes.

    Args:
        entry: the model's, of a complete configuration.
        config: the configuration.
    """
    limits: dict[str, bool] = {}
    planes = {position["plane"] for position in config["slices"]["positions"]}
    condition = config["conditions"].get(entry["condition"], {})
    told = told_columns(condition)
    sagittal = is_of_slices(entry) and "sagittal" in planes
    if sagittal or any(_SIDES.search(name.lower()) for name in told):
        limits["augmentation_flip"] = False
    if told:
        limits["augmentation_scale"] = False
    return limits
