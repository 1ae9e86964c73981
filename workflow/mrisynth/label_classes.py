"""Which labels of a label map are which class of a mask, by groups that a configuration names. Cheap to import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mrisynth.cohorts.simulated_labels import LABELS
from mrisynth.errors import ConfigError
from mrisynth.region_numberings import NUMBERINGS

MOST_CLASSES = 8

UNKNOWN = 255
"""Every voxel of a mask that is not known."""

TISSUE_LABELS = {"csf": 1, "grey_matter": 2, "white_matter": 3, "ventricles": 4}
"""Values of the maps of tissues that are made of scans without label maps."""

OF_TISSUES = "atropos"
"""Numbering of these maps, whose labels have no numbers that a user knows."""

_FLUID_OF_FREESURFER = (24, 122, 257)  # outside the ventricles


def label_classes(
    groups: Mapping[str, Iterable[str | int]], *, numbering: str, key: str = "classes"
) -> dict[str, tuple[int, ...]]:
    """Return the labels of each class of a mask, in the order of the groups: class 1 is the first one.

    A group names structures of the numbering, numbers of labels, or both: ``{"hippocampi": ["hippocampus_left",
    "hippocampus_right"], "grey": ["grey_matter"], "stem": [35]}``. A label that several groups name belongs to the
    first of them, so that small structures stand before the tissue that they are part of. ``csf`` is the fluid outside
    the ventricles, ``white_matter`` the brain without its grey matter; both are known where the numbering has them.

    Args:
        groups: name of a class -> what it is made of.
        numbering: one of :data:`mrisynth.region_numberings.NUMBERINGS`; with ``custom`` groups name numbers alone. Or
            :data:`OF_TISSUES`, whose structures groups name alone.
        key: configuration key of the groups, for errors.

    Raises:
        ConfigError: more than :data:`MOST_CLASSES` groups or none, an unknown numbering or structure, or a group to
            which no label is left.
    """
    if numbering not in (*NUMBERINGS, OF_TISSUES):
        raise ConfigError(f"{key}: the numbering {numbering!r} is unknown; choose one of {', '.join(NUMBERINGS)}.")
    if not 1 <= len(groups) <= MOST_CLASSES:
        raise ConfigError(f"{key} names {len(groups)} classes; a mask has 1 to {MOST_CLASSES}, join some of them.")
    known, taken, classes = _structures(numbering), set[int](), dict[str, tuple[int, ...]]()
    for name, parts in groups.items():
        where, numbers = f"{key}.{name}", numbering != OF_TISSUES
        labels = {label for part in parts for label in _labels(part, known, where=where, numbers=numbers)} - taken
        if not labels:
            raise ConfigError(f"{key}.{name} has no label that no group before it has; leave it out or put it first.")
        classes[name] = tuple(sorted(labels))
        taken |= labels
    return classes


def _structures(numbering: str) -> dict[str, tuple[int, ...]]:
    if numbering == OF_TISSUES:
        return {name: (label,) for name, label in TISSUE_LABELS.items()}
    known = dict(NUMBERINGS[numbering])
    if {"brain", "grey_matter"} <= known.keys():
        known["white_matter"] = tuple(sorted(set(known["brain"]) - set(known["grey_matter"])))
    if "intracranial" in known:
        known["csf"] = tuple(sorted(set(known["intracranial"]) - set(known["brain"]) - set(known["ventricles"])))
    elif numbering in ("freesurfer", "synthseg"):
        known["csf"] = _FLUID_OF_FREESURFER
    if numbering == "simulated":  # their grey matter is the cortex alone
        known["white_matter"] = (LABELS["white_matter"],)
    return known


def _labels(part: str | int, known: Mapping[str, tuple[int, ...]], *, where: str, numbers: bool) -> tuple[int, ...]:
    if numbers and isinstance(part, int) and not isinstance(part, bool):
        if part <= 0:
            raise ConfigError(f"{where} names the label {part}; labels are whole numbers above 0.")
        return (part,)
    if part not in known:
        words = ", and numbers of labels" if numbers else ""
        raise ConfigError(f"{where} names {part!r}; known are {', '.join(known) or 'no names'}{words}.")
    return known[part]
