"""What a schema cannot check of a model of slices: names, sizes and positions that belong together. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.feature_weights import NETWORKS_OF_SLICES


def check_slice_model(name: str, config: Mapping[str, Any], *, cut_size: int, source: str) -> None:
    """Check one model of slices of a complete configuration.

    Args:
        name: the model.
        config: the configuration.
        cut_size: size of the volumes that slices are cut from.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: the model is larger than the volumes, a position is none of theirs, no feature network takes
            slices, or the model to retrain is not there.
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
