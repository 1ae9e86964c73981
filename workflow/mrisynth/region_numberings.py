"""Which labels of a label map are which structure, in the numberings that are known. Cheap to import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

from mrisynth.cohorts.simulated_labels import LABELS

STRUCTURES = (
    "ventricles",
    "grey_matter",
    "hippocampus_left",
    "hippocampus_right",
    "brain",
    "intracranial",
)
"""What is measured, in the order of the columns: ``{structure}_ml``."""

SIDES = ("hippocampus_left", "hippocampus_right")

_MUSE_CORTEX = sorted(set(range(100, 208)) - {110, 111, 126, 127, 130, 131, 158, 159, 188, 189})
_MUSE_GREY = (23, 30, 31, 32, 36, 37, 38, 39, 47, 48, 55, 56, 57, 58, 59, 60, 71, 72, 73, 75, 76, *_MUSE_CORTEX)
_MUSE_WHITE = (40, 41, 61, 62, *range(81, 96))
_MUSE_VENTRICLES = (4, 11, 49, 50, 51, 52)
_MUSE_BRAIN = (*_MUSE_GREY, *_MUSE_WHITE, 35)
_FS_CORTEX = (3, 42, *(side + parcel for side in (1000, 2000, 11100, 12100) for parcel in range(100)))
_FS_GREY = (8, 10, 11, 12, 13, 17, 18, 26, 47, 49, 50, 51, 52, 53, 54, 58, *_FS_CORTEX)
_FS_WHITE = (2, 7, 16, 28, 41, 46, 60, 77, 78, 79, 80, 85, *range(251, 256), *range(3000, 3100), *range(4000, 4100))
_OWN_BRAIN = [value for name, value in LABELS.items() if name not in ("cerebrospinal_fluid", "ventricles")]

_FREESURFER: Mapping[str, tuple[int, ...]] = {
    "ventricles": (4, 5, 14, 15, 31, 43, 44, 63, 72),
    "grey_matter": _FS_GREY,
    "hippocampus_left": (17,),
    "hippocampus_right": (53,),
    "brain": (*_FS_GREY, *_FS_WHITE, 5001, 5002),
}

NUMBERINGS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "simulated": {
        "ventricles": (LABELS["ventricles"],),
        "grey_matter": (LABELS["grey_matter"],),
        "hippocampus_left": (LABELS["hippocampus_left"],),
        "hippocampus_right": (LABELS["hippocampus_right"],),
        "brain": tuple(_OWN_BRAIN),
        "intracranial": tuple(LABELS.values()),
    },
    "dlmuse": {
        "ventricles": _MUSE_VENTRICLES,
        "grey_matter": _MUSE_GREY,
        "hippocampus_left": (48,),
        "hippocampus_right": (47,),
        "brain": _MUSE_BRAIN,
        "intracranial": (1, 46, *_MUSE_BRAIN, *_MUSE_VENTRICLES),
    },
    "freesurfer": _FREESURFER,
    "synthseg": _FREESURFER,
    "custom": {},
}
"""Numbering -> structure -> its labels.

``dlmuse`` is the MUSE atlas, whose composites 601 (grey matter), 509 (ventricles), 701 less the ventricles (brain) and
702 (intracranial) these are. SynthSeg numbers as FreeSurfer does. Grey matter is cortex, deep nuclei, hippocampi,
amygdalae and cerebellar cortex, of simulated heads the cerebral cortex alone, which is what their knob sets. Ventricles
are the lateral, third and fourth with their choroid plexus. Brain is without ventricles.
"""

_TELLTALE = {  # labels that every whole map of a numbering has; the first that fits counts, MUSE has neither 17 nor 53
    "freesurfer": frozenset({4, 17, 43, 53}),
    "dlmuse": frozenset({47, 48, 51, 52, 100, 101}),
}


def recognised(labels: Iterable[int]) -> str | None:
    """Return the numbering of a map by the labels that it holds, or None where they fit none.

    ``freesurfer`` stands for SynthSeg, too.
    """
    found = set(labels) - {0}
    if found == set(LABELS.values()):
        return "simulated"
    return next((name for name, telltale in _TELLTALE.items() if telltale <= found), None)


def structures_of(numbering: str, own: Mapping[str, Iterable[int]]) -> dict[str, tuple[int, ...]]:
    """Return the structures to measure: those of a numbering, and what the user adds or takes otherwise."""
    return dict(NUMBERINGS[numbering]) | {name: tuple(labels) for name, labels in own.items()}


def ordered(names: Iterable[str]) -> list[str]:
    """Return names of structures, the known ones first and in their order."""
    known = set(names)
    return [name for name in chain(STRUCTURES, sorted(known - set(STRUCTURES))) if name in known]
