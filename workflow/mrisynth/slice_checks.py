"""What a schema cannot check of a model of slices: names, sizes and positions that belong together. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.feature_weights import NETWORKS_OF_SLICES
from mrisynth.recipes import SLICE_FAMILIES, is_of_slices
from mrisynth.slice_regions import region_labels

_KNOWN_BEFORE = ("categorical", "random")
"""Kinds of conditions whose classes are known before any training."""


def check_slice_model(name: str, config: Mapping[str, Any], *, cut_size: int, source: str) -> None:
    """Check one model of slices of a complete configuration.

    Args:
        name: the model.
        config: the configuration.
        cut_size: size of the volumes that slices are cut from.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: the model is larger than the volumes, a position is none of theirs, no feature network takes
            slices, no label map knows the structure whose area is scored, or the model to retrain is not there.
    """
    from mrisynth.slices.positions import cuts_of, wishes_of  # imports nibabel, by way of the grid

    entry = config["models"][name]
    if entry["size"] > cut_size:
        raise ConfigError(
            f"{source}: models.{name}.size is {entry['size']} but slices are cut from volumes of {cut_size} "
            "(slices.volume_size, else preprocessing.size)."
        )
    try:
        cuts_of(wishes_of(config["slices"]["positions"], key="slices.positions"), size=cut_size)
        if "slice_areas" in config["evaluation"]["metrics"]:
            region_labels(config)
    except MrisynthError as error:
        raise ConfigError(f"{source}: {error}") from error
    known = config["features"]
    scoring = {known[used]["network"] for used in config["evaluation"]["features"] if used in known}
    if not scoring & set(NETWORKS_OF_SLICES):
        raise ConfigError(
            f"{source}: models.{name} draws slices, and no network of evaluation.features takes them; add one of "
            f"{', '.join(NETWORKS_OF_SLICES)}."
        )
    other = entry["retrain_of"]
    if other is not None and (other == name or config["models"].get(other, {}).get("family") != entry["family"]):
        raise ConfigError(
            f"{source}: models.{name}.retrain_of is {other}; expected another model of the study of family "
            f"{entry['family']}."
        )


def check_only(name: str, config: Mapping[str, Any], *, source: str) -> None:
    """Check ``only`` of one model of a complete configuration, whose condition is known.

    Args:
        name: the model.
        config: the configuration.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: the model is of volumes, has no condition to take a class of, or names none of its classes, as
            far as these are known before the scans are read: those of a random condition, and of matched groups.
    """
    entry = config["models"][name]
    if entry["only"] is None:
        return
    key = f"{source}: models.{name}.only is {entry['only']}"
    if not is_of_slices(entry):
        raise ConfigError(
            f"{key}, but {entry['family']} is of volumes; expected one of the families {', '.join(SLICE_FAMILIES)}, or "
            "latent_diffusion with dimensions: 2."
        )
    if entry["condition"] == "none":
        raise ConfigError(f"{key}, a class of no condition; name a condition of the study as models.{name}.condition.")
    classes = _known_classes(entry["condition"], config)
    if classes and entry["only"] not in classes:
        raise ConfigError(f"{key}, and condition {entry['condition']} has the classes {', '.join(classes)}.")


def _known_classes(name: str, config: Mapping[str, Any]) -> list[str]:
    """Return the classes of a condition that no scan can change; none where they are those of the training scans."""
    condition, matching = config["conditions"][name], config["slices"]["matching"]
    if condition["kind"] == "random":
        return [f"random-{number}" for number in range(condition["classes"])]
    others = [model for model in config["models"].values() if not is_of_slices(model)]
    if matching is None or name in {model["condition"] for model in others}:
        return []
    return sorted([matching["case"], matching["control"]]) if condition.get("columns") == [matching["group"]] else []


def check_asked_of_slices(config: Mapping[str, Any], *, has_models: bool, source: str) -> None:
    """Check ``slices.matching``, ``slices.exchange`` and ``slices.labelled`` of a complete configuration.

    Args:
        config: the configuration.
        has_models: whether a model of the study is of slices.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: one is given without a model of slices, the groups to match are one, a pair is to agree in what it
            differs in or is matched on already, or a condition is not of the kind that is written so.
    """
    matching, exchange, labelled = (config["slices"][key] for key in ("matching", "exchange", "labelled"))
    for key, given in (("matching", matching), ("exchange", exchange), ("labelled", labelled)):
        if given is not None and not has_models:
            raise ConfigError(
                f"{source}: slices.{key} is given but no model of the study is of slices; remove the key."
            )
    if matching is not None:
        _check_matching(matching, source)
    known = [name for name, condition in config["conditions"].items() if condition["kind"] in _KNOWN_BEFORE]
    if exchange is not None and exchange not in known:
        raise ConfigError(
            f"{source}: slices.exchange is {exchange}; expected the name of a categorical or random condition of the "
            f"study, of which there are: {', '.join(known) or 'none'}."
        )
    told = [name for name, condition in config["conditions"].items() if condition["kind"] == "covariates"]
    if labelled is not None and labelled not in told:
        raise ConfigError(
            f"{source}: slices.labelled is {labelled}; expected the name of a condition of covariates of the study, of "
            f"which there are: {', '.join(told) or 'none'}."
        )


def _check_matching(matching: Mapping[str, Any], source: str) -> None:
    if matching["case"] == matching["control"]:
        raise ConfigError(
            f"{source}: slices.matching.case and slices.matching.control are both {matching['case']}; expected two "
            f"values of {matching['group']}."
        )
    for column in matching["within"]:
        if column in ("age", matching["group"]):
            why = "pairs are matched on it already" if column == "age" else "cases and controls differ in it"
            raise ConfigError(f"{source}: slices.matching.within names {column}, but {why}; take it out.")
