"""Region covariates as the configuration wants them, and what is refused of it. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrisynth.cohorts.several import SEVERAL, sources_of
from mrisynth.errors import ConfigError
from mrisynth.image_checks import IMAGE_COHORTS
from mrisynth.plain_text import check_path
from mrisynth.region_covariates import KEY, RegionPlan


def region_plan(config: Mapping[str, Any], *, source: str) -> RegionPlan:
    """Return what ``covariates.regions`` asks for.

    Args:
        config: a complete configuration.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: the input is images, or label maps are wanted and there are none, or a key is given that what is
            wanted does not use, or a folder names a cohort that the study does not have.
    """
    wanted, cohort = config["covariates"]["regions"], config["cohort"]
    origin, own = wanted["from"], wanted["structures"]
    if origin != "none" and cohort["name"] in IMAGE_COHORTS:
        raise ConfigError(
            f"{source}: {KEY}.from is {origin}, but cohort.name is {cohort['name']}: images have no volumes to "
            "measure; take the key out."
        )
    if origin != "label_maps":
        for key, given in (("folder", wanted["folder"]), ("structures", own)):
            if given:
                raise ConfigError(f"{source}: {KEY}.{key} is given, but {KEY}.from is {origin}; write label_maps.")
        return RegionPlan(origin=origin, folders={}, named_by_member=False, numbering="auto", structures={})
    if wanted["numbering"] == "custom" and not own:
        raise ConfigError(f"{source}: {KEY}.numbering is custom, but {KEY}.structures names no structure; name some.")
    return RegionPlan(
        origin=origin,
        folders=_folders(config, source=source),
        named_by_member=isinstance(wanted["folder"], Mapping),
        numbering=wanted["numbering"],
        structures={name: list(labels) for name, labels in own.items()},
    )


def _folders(config: Mapping[str, Any], *, source: str) -> dict[str, str | None]:
    given, cohort = config["covariates"]["regions"]["folder"], config["cohort"]
    sources = sources_of(cohort)
    simulated = {name for name, own in sources.items() if own["name"] == "simulated"}
    if isinstance(given, Mapping):
        if unknown := sorted(set(given) - set(sources)):
            has = f"the members {', '.join(sources)}" if cohort["name"] == SEVERAL else "no members; give one folder"
            raise ConfigError(f"{source}: {KEY}.folder names {unknown[0]}, but the cohort has {has}.")
        folders: dict[str, str | None] = dict.fromkeys(simulated) | dict(given)
    else:
        folder = given or config["evaluation"]["label_maps"]
        whose = sources if folder else simulated
        folders = {name: None if cohort["name"] == SEVERAL and name in simulated else folder for name in whose}
    if not folders:
        raise ConfigError(
            f"{source}: {KEY}.from is label_maps, and a cohort {cohort['name']} has none of its own; give their folder "
            f"as {KEY}.folder or evaluation.label_maps."
        )
    for path in filter(None, folders.values()):
        check_path(path, key=f"{source}: {KEY}.folder")
    return dict(sorted(folders.items()))
