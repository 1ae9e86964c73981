"""The three kinds of entries of MRGen's JSON lists, checked one by one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mrisynth.errors import ScanError

MOST_MASKS = 254
"""Structures of a slice: a label map has a byte a pixel."""

_LONGEST = 4096  # characters of a text


@dataclass(frozen=True, kw_only=True)
class RadiopaediaItem:
    """A slice with words and no mask: ``radiopaedia_*.json``, on which the first two stages are trained.

    Attributes:
        image_path: as written, see :meth:`mrisynth.slices.mrgen_json.MrgenList.path`.
        image_modality: ``MRI`` or ``CT``.
        region, organs: words.
        aux_modality: which kind of MRI.
        link: where the image is published.
        more: keys that the form does not have; they are written again.
    """

    form: ClassVar[str] = "radiopaedia"
    image_path: str
    image_modality: str
    region: str
    organs: str
    aux_modality: str = ""
    link: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, entry: Any) -> RadiopaediaItem:
        """Return the item of an entry; raises ScanError with the reason why it is none."""
        keys = _Keys(entry)
        needed = {name: keys.text(name, needed=True) for name in ("image_path", "image_modality", "region", "organs")}
        return cls(**needed, aux_modality=keys.text("aux_modality"), link=keys.text("link"), more=keys.left)

    def entry(self) -> dict[str, Any]:
        """Return the entry as JSON has it; a link that is not known is left out."""
        names = ("image_path", "image_modality", "region", "organs", "aux_modality")
        link = {"link": self.link} if self.link else {}
        return {**self.more, **{name: getattr(self, name) for name in names}, **link}

    @property
    def files(self) -> list[str]:
        """Paths of the files that the item is nothing without."""
        return [self.image_path]


@dataclass(frozen=True, kw_only=True)
class ConditionalItem:
    """A slice with one mask a structure: ``conditional_dataset/{DATASET}_{MODALITY}_{train,test,all}.json``.

    Attributes:
        image_path: as written.
        mask_paths: of the structures 0, 1 ...; empty where there is none.
        modality, modality_attributes, region, dataset: words.
        label: all structures of the data set.
        organs: those that the slice shows; none: its masks are empty, and MRGen leaves the slice out.
        shape: rows and columns; None where it is not told.
        volume_nii_path, mask_nii_path: the volumes that the slice is of, as written; never opened here.
        more: keys that the form does not have.
    """

    form: ClassVar[str] = "conditional"
    image_path: str
    mask_paths: tuple[str, ...]
    modality: str
    modality_attributes: str = ""
    region: str
    label: tuple[str, ...]
    organs: tuple[str, ...]
    shape: tuple[int, int] | None = None
    dataset: str = ""
    volume_nii_path: str = ""
    mask_nii_path: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, entry: Any) -> ConditionalItem:
        """Return the item of an entry; raises ScanError with the reason why it is none."""
        keys = _Keys(entry)
        optional = ("modality_attributes", "dataset", "volume_nii_path", "mask_nii_path")
        return cls(
            **{name: keys.text(name, needed=True) for name in ("image_path", "modality", "region")},
            **{name: keys.text(name) for name in optional},
            **{name: keys.words(name, needed=True) for name in ("label", "organs")},
            mask_paths=keys.numbered(r"mask(\d{1,3})_path"),
            shape=keys.shape("shape"),
            more=keys.left,
        )

    def entry(self) -> dict[str, Any]:
        """Return the entry as JSON has it."""
        names = ("image_path", "modality", "modality_attributes", "region", "dataset")
        volumes = {name: path for name in ("volume_nii_path", "mask_nii_path") if (path := getattr(self, name))}
        shape = {} if self.shape is None else {"shape": list(self.shape)}
        masks = {f"mask{number}_path": path for number, path in enumerate(self.mask_paths) if path}
        lists = {"label": list(self.label), "organs": list(self.organs)}
        return {**self.more, **{name: getattr(self, name) for name in names}, **volumes, **shape, **masks, **lists}

    @property
    def files(self) -> list[str]:
        """Paths of the files that the item is nothing without."""
        return [self.image_path, *filter(None, self.mask_paths)]


@dataclass(frozen=True, kw_only=True)
class SyntheticItem:
    """A synthetic slice with the masks that it was made from and what a scorer said of it.

    Attributes:
        index: of the mask, from 0; its candidates share it.
        prompt: the words.
        image_path, mask_path, combined_path: of the image, of all masks as one grey picture, and of both side by side.
        mask_paths: of the structures 0, 1 ...
        original_path: of the real slice whose mask it is, as written; never opened here.
        region: words.
        organs, label: structures of the slice, and of the data set.
        average_iou, average_confidence: means over structures; None where there is none (MRGen writes NaN).
        organs_iou, organs_confidence: of each structure. MRGen writes 0 for one that the mask lacks.
        more: keys that the form does not have.
    """

    form: ClassVar[str] = "synthetic"
    index: int
    prompt: str
    image_path: str
    mask_path: str = ""
    combined_path: str = ""
    mask_paths: tuple[str, ...] = ()
    original_path: str = ""
    region: str = ""
    organs: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    average_iou: float | None = None
    average_confidence: float | None = None
    organs_iou: tuple[float, ...] = ()
    organs_confidence: tuple[float, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, entry: Any) -> SyntheticItem:
        """Return the item of an entry; raises ScanError with the reason why it is none."""
        keys = _Keys(entry)
        prompt = keys.left.get("prompt")
        if isinstance(prompt, list) and len(prompt) == 1:
            keys.left["prompt"] = prompt[0]  # as MRGen writes it
        optional = ("mask_path", "combined_path", "original_path", "region")
        return cls(
            index=keys.index("index"),
            prompt=keys.text("prompt", needed=True, empty=True),
            image_path=keys.text("image_path", needed=True),
            **{name: keys.text(name) for name in optional},
            **{name: keys.words(name) for name in ("organs", "label")},
            mask_paths=keys.numbered(r"mask_(\d{1,3})_path"),
            average_iou=keys.share("sam2_avg_iou"),
            average_confidence=keys.share("sam2_avg_confidence"),
            organs_iou=keys.shares("sam2_organs_iou"),
            organs_confidence=keys.shares("sam2_organs_confidence"),
            more=keys.left,
        )

    def entry(self) -> dict[str, Any]:
        """Return the entry as JSON has it, under MRGen's names whatever the scorer was."""
        names = ("index", "image_path", "mask_path", "combined_path", "original_path", "region")
        masks = {f"mask_{number}_path": path for number, path in enumerate(self.mask_paths) if path}
        scores = {
            "sam2_avg_iou": self.average_iou, "sam2_avg_confidence": self.average_confidence,
            "sam2_organs_iou": list(self.organs_iou), "sam2_organs_confidence": list(self.organs_confidence),
        }  # fmt: skip
        words = {"prompt": [self.prompt], "organs": ", ".join(self.organs), "label": ", ".join(self.label)}
        return {**self.more, **{name: getattr(self, name) for name in names}, **masks, **words, **scores}

    @property
    def files(self) -> list[str]:
        """Paths of the files that the item is nothing without."""
        return [self.image_path, *filter(None, (self.mask_path, *self.mask_paths))]


Item = RadiopaediaItem | ConditionalItem | SyntheticItem


class _Keys:
    """Takes the keys of an entry one after the other; what was not taken is left."""

    def __init__(self, entry: Any) -> None:
        if not isinstance(entry, dict):
            raise ScanError("no_object", f"it is {str(entry)[:60]!a}; expected keys and values")
        self.left: dict[str, Any] = dict(entry)

    def text(self, name: str, *, needed: bool = False, empty: bool = False) -> str:
        value = self._take(name, needed=needed)
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or len(value) > _LONGEST or (needed and not empty and not value):
            raise ScanError("wrong_value", f"{name} is {str(value)[:60]!a}; expected words")
        return value

    def words(self, name: str, *, needed: bool = False) -> tuple[str, ...]:
        value = self._take(name, needed=needed)
        found = value.split(", ") if isinstance(value, str) else value or []
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise ScanError("wrong_value", f"{name} is {str(value)[:60]!a}; expected a list of words")
        return tuple(filter(None, map(str.strip, found)))

    def numbered(self, pattern: str) -> tuple[str, ...]:
        matches = [match for name in self.left if (match := re.fullmatch(pattern, name))]
        found = {int(match[1]): self.text(match[0]) for match in matches}
        if max(found, default=0) >= MOST_MASKS:
            raise ScanError("wrong_value", f"it has a mask {max(found)}; expected {MOST_MASKS} at most, from 0")
        return tuple(found.get(number, "") for number in range(max(found, default=-1) + 1))

    def shape(self, name: str) -> tuple[int, int] | None:
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2 or not all(type(one) is int and one > 0 for one in value):
            raise ScanError("wrong_value", f"{name} is {str(value)[:60]!a}; expected [rows, columns]")
        return value[0], value[1]

    def index(self, name: str) -> int:
        value = self._take(name, needed=True)
        if type(value) is not int or value < 0:
            raise ScanError("wrong_value", f"{name} is {str(value)[:60]!a}; expected a number from 0")
        return value

    def share(self, name: str) -> float | None:
        value = self._take(name)
        return None if value is None or (isinstance(value, float) and math.isnan(value)) else _share(value, name)

    def shares(self, name: str) -> tuple[float, ...]:
        value = self._take(name)
        if value is not None and not isinstance(value, list):
            raise ScanError("wrong_value", f"{name} is {str(value)[:60]!a}; expected a list of numbers")
        return tuple(_share(one, name) for one in value or [])

    def _take(self, name: str, *, needed: bool = False) -> Any:
        if needed and name not in self.left:
            raise ScanError("missing_key", f"it has no {name}")
        return self.left.pop(name, None)


def _share(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ScanError("wrong_value", f"{name} is {str(value)[:60]!a}; expected 0 to 1")
    return float(value)


def item_kinds() -> Sequence[type[Item]]:
    """Return the kinds of items, one a form."""
    return RadiopaediaItem, ConditionalItem, SyntheticItem
