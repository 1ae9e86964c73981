"""The structure whose area in slices is scored: which labels of whose label maps. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrisynth.cohorts.simulated_labels import LABELS
from mrisynth.errors import ConfigError

KEY = "evaluation.slice_areas.regions"
HIPPOCAMPI_OF_HEADS = ("hippocampus_left", "hippocampus_right")
HIPPOCAMPI_OF_MAPS = (17, 53)
"""Numbers of the left and the right hippocampus in label maps of FreeSurfer and SynthSeg."""


def region_labels(config: Mapping[str, Any]) -> list[int]:
    """Return the labels that are together the structure of ``evaluation.slice_areas``.

    Label maps are those of ``evaluation.label_maps``, else those that simulated heads come with; in the latter a
    structure may have its name. Both hippocampi where nothing is named.

    Args:
        config: a complete configuration.

    Raises:
        ConfigError: there are no label maps, or they have no such structure.
    """
    given = config["evaluation"]["label_maps"] is not None
    if not given and config["cohort"]["name"] != "simulated":
        raise ConfigError(
            f"evaluation.metrics names slice_areas, and a cohort {config['cohort']['name']} has no label maps; give "
            "their folder as evaluation.label_maps, or leave slice_areas out."
        )
    wanted = config["evaluation"]["slice_areas"]["regions"]
    if given:
        return [_of_map(region) for region in wanted or HIPPOCAMPI_OF_MAPS]
    return [_of_head(region) for region in wanted or HIPPOCAMPI_OF_HEADS]


def _of_map(region: str | int) -> int:
    if isinstance(region, int):
        return region
    raise ConfigError(f"{KEY} names {region}; expected numbers, the values of the structure in evaluation.label_maps.")


def _of_head(region: str | int) -> int:
    if region in LABELS.values():
        return int(region)
    if region not in LABELS:
        raise ConfigError(f"{KEY} names {region}; simulated heads have {', '.join(LABELS)}.")
    return LABELS[str(region)]
