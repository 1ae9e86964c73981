"""Several: any number of cohorts in one study, each a member with a name of its own. Cheap to import.

Every scan and every person of a member has the member's name in front, ``ukb-sub-01``, whether or not another member
has such a name. So two cohorts with a ``sub-01`` never meet in one person, and a member that comes or goes renames
nothing of the others: their jobs, splits and exclusions stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from mrisynth.cohorts.listing import ScanFile
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.seeds import derive_seed

SEVERAL = "several"

_OF_ALL = ("test_fraction", "validation_fraction", "stratify")
_OF_STUDY = ("name", "members", "redistribution", *_OF_ALL)
_LATER = ("simulated_contrast",)
_UNTOLD = ("redistribution", "class_column", "participant_column", "colour")
_OF_MEMBER = r"name|folder|demographics|demographics_rules|scan_names|first_scans|participants|simulated_\w+|adni"
_KEY = re.compile(rf"(?<![\w./-])cohort\.(?=(?:{_OF_MEMBER}|redistribution)\b)")


def sources_of(cohort: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the cohorts of a study by name, each a whole block ``cohort``: its members, or the only one as ``""``.

    Args:
        cohort: the block ``cohort`` of the configuration, defaults filled in.
    """
    if cohort["name"] != SEVERAL:
        return {"": dict(cohort)}
    shared = {key: cohort[key] for key in _OF_ALL if key in cohort}
    return {name: shared | member for name, member in sorted(cohort["members"].items())}


def told_of(cohort: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the tables of a cohort depend on: no terms of redistribution, and no key of images alone.

    Keys that came later are among it only where they are set, so that an upgrade makes no table again.
    """
    told = {key: value for key, value in cohort.items() if key not in _UNTOLD}
    told = {key: value for key, value in told.items() if key not in _LATER or value is not None}
    if "members" in told:
        told["members"] = {name: told_of(own) for name, own in told["members"].items()}
    return told


def member_seed(seed: int, member: str) -> int:
    """Return the seed of what is drawn for a member alone, such as simulated people; without members the study's."""
    return derive_seed(seed, "cohort", member) if member else seed


def joined_name(member: str, name: str) -> str:
    """Return the name that a scan or a person of a member has in the study; without members the name itself."""
    return f"{member}-{name}" if member and name else name


def member_of(name: str) -> str:
    """Return the member that a name of a study of several cohorts belongs to."""
    return name.partition("-")[0]


def in_study(member: str, scan: ScanFile) -> ScanFile:
    """Return a scan as the study knows it, under the names of :func:`joined_name`."""
    person = joined_name(member, scan.participant_id)
    return replace(scan, scan=joined_name(member, scan.scan), participant_id=person, member=member)


def in_member(scan: ScanFile) -> ScanFile:
    """Return a scan as its member knows it; undoes :func:`in_study`."""
    front = joined_name(scan.member, " ").rstrip()
    person = scan.participant_id.removeprefix(front)
    return replace(scan, scan=scan.scan.removeprefix(front), participant_id=person)


@contextmanager
def errors_of(member: str) -> Iterator[None]:
    """Name the keys of a member, ``cohort.members.ukb.folder``, in errors that name those of a cohort."""
    try:
        yield
    except MrisynthError as error:
        if not member:
            raise
        named = _KEY.sub(f"cohort.members.{member}.", str(error))
        about = named if named != str(error) else f"cohort.members.{member}: {error}"
        raise (ConfigError if isinstance(error, ConfigError) else MrisynthError)(about) from error


def check_several(given: Mapping[str, Any], config: Mapping[str, Any], *, source: str) -> None:
    """Refuse members where there are none, and keys that only a member can have where there are some.

    Args:
        given: the configuration as it was given, without defaults.
        config: the same, complete.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: members without ``cohort.name: several`` or less than two with it; a key of a member stands beside
            them; a member lacks its folder, or two have the same.
    """
    cohort = config["cohort"]
    members = cohort.get("members") or {}
    if cohort["name"] != SEVERAL:
        if members:
            raise ConfigError(f"{source}: cohort.members is given, but cohort.name is {cohort['name']}; write several.")
        return
    if len(members) < 2:
        raise ConfigError(f"{source}: cohort.members has {len(members)} entries; name two cohorts or more.")
    for key, value in given["cohort"].items():
        if key not in _OF_STUDY and value is not None:
            raise ConfigError(
                f"{source}: cohort.{key} is given, but cohort.name is several: it belongs to a member, "
                f"cohort.members.{min(members)}.{key}."
            )
    if any(cohort["redistribution"][key] for key in ("allowed", "licence", "attribution")):
        raise ConfigError(
            f"{source}: cohort.redistribution states more than `allowed: false`, but cohort.name is several: a right, "
            f"a licence and whom to name are stated of each member, cohort.members.{min(members)}.redistribution."
        )
    _check_folders(members, source=source)


def _check_folders(members: Mapping[str, Mapping[str, Any]], *, source: str) -> None:
    read = {name: member["folder"] for name, member in members.items() if member["name"] != "simulated"}
    for name, folder in read.items():
        if folder is None:
            raise ConfigError(
                f"{source}: the key cohort.members.{name}.folder is missing; a member of kind {members[name]['name']} "
                "needs the folder of its scans."
            )
    for one, other in combinations(read, 2):
        if Path(read[one]).resolve() == Path(read[other]).resolve():
            raise ConfigError(
                f"{source}: cohort.members.{one}.folder and cohort.members.{other}.folder are the same; its people "
                "would be in the study twice, trained on and tested on."
            )
