"""Lists of slices as MRGen exchanges them (Wu et al. 2025, ICCV), read with care and written."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import write_json
from mrisynth.slices.dataset_json import READ_ENDINGS, inside
from mrisynth.slices.mrgen_items import Item, SyntheticItem, item_kinds

FORMS: Mapping[str, type[Item]] = {kind.form: kind for kind in item_kinds()}
"""``radiopaedia``, ``conditional`` and ``synthetic``, see :mod:`mrisynth.slices.mrgen_items`."""

COLUMNS = ("entry", "image_path", "status", "reason", "message")
MOST_JSON_BYTES, MOST_ITEMS = 2**30, 2**22
ARGUMENTS = "args_config.json"
LISTS = "json_files"
"""Folder of the lists of a synthesis."""


@dataclass(frozen=True, kw_only=True)
class MrgenList:
    """A list that was read.

    Attributes:
        form: one of :data:`FORMS`.
        source: the JSON file.
        folder: the folder that every file of the list lies in.
        items: entries that can be used, in their order.
        entries: one row an entry of the file, in order: ``entry`` (its number, from 0), ``image_path``, ``status``
            (``passed`` or ``excluded``), ``reason`` and ``message`` (missing where it passed).
    """

    form: str
    source: Path
    folder: Path
    items: tuple[Item, ...]
    entries: pd.DataFrame

    def path(self, written: str) -> Path:
        """Return where the file lies that a list names; the only way to open one.

        A path is one of the folder, or of the folder of the list (MRGen writes ``../synthetic_mask/0_mask.png``). An
        absolute one is followed where it leads into the folder.

        Raises:
            ScanError: with the reason ``outside`` or ``missing``.
        """
        try:
            return _resolved(written, folder=self.folder, beside=self.source.parent)
        except ScanError as error:
            raise ScanError(error.reason, f"{self.source}: {error}.") from None

    def passed(self) -> list[int]:
        """Return the number of each item's entry."""
        return self.entries.loc[self.entries["status"] == "passed", "entry"].tolist()


@dataclass(frozen=True, kw_only=True)
class SyntheticSet:
    """The files of a synthesis.

    Attributes:
        candidates: every image that was made.
        kept: those that the filter kept.
        arguments: ``args_config.json``, empty where it is not there.
    """

    candidates: MrgenList
    kept: MrgenList
    arguments: Mapping[str, Any]


def read_list(path: str | Path, *, form: str, folder: str | Path | None = None, files: bool = True) -> MrgenList:
    """Read a list; an entry that cannot be used becomes a row with a reason and stops nothing.

    Nobody need trust who made it: no file outside ``folder`` is looked at, by whatever path or link. Reasons are
    ``no_object``, ``missing_key``, ``wrong_value``, ``outside``, ``missing``, ``no_image`` (by the end of its name) and
    ``repeated`` (an image named before).

    Args:
        path: the JSON file.
        form: one of :data:`FORMS`.
        folder: that all images and masks lie in; None: that of the file, or of a synthesis the one above.
        files: False does not ask whether images and masks are there, as where they may not be passed on.

    Raises:
        MrisynthError: the form is unknown, the file is missing, too large or no list of JSON.
    """
    path = Path(path)
    if form not in FORMS:
        raise MrisynthError(f"The form {form!r} is unknown; expected one of: {', '.join(FORMS)}.")
    home = Path(folder) if folder is not None else path.parent.parent if path.parent.name == LISTS else path.parent
    items: list[Item] = []
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, entry in enumerate(_entries(path)):
        named = entry.get("image_path") if isinstance(entry, dict) else None
        row = {"entry": number, "image_path": named if isinstance(named, str) else None, "status": "passed"}
        try:
            item = FORMS[form].read(entry)
            _check(item, seen, folder=home, beside=path.parent, files=files)
            items.append(item)
        except ScanError as error:
            message = f"{path}: entry {number} cannot be used: {error}."
            row |= {"status": "excluded", "reason": error.reason, "message": message}
        rows.append(row)
    entries = pd.DataFrame(rows, columns=list(COLUMNS))
    return MrgenList(form=form, source=path, folder=home, items=tuple(items), entries=entries)


def write_list(items: Sequence[Item], path: str | Path) -> None:
    """Write items of one form as a list that :func:`read_list` reads; keys of other forms stand as they were.

    Raises:
        MrisynthError: items have several forms, or one has a value that no entry may have.
    """
    if len({item.form for item in items}) > 1:
        raise MrisynthError(f"{path}: found items of several forms; a list has one.")
    entries = [item.entry() for item in items]
    for number, (item, entry) in enumerate(zip(items, entries, strict=True)):
        try:
            again = type(item).read(entry)
        except ScanError as error:
            raise MrisynthError(f"{path}: item {number} cannot be written: {error}.") from error
        if again != item:
            raise MrisynthError(f"{path}: item {number} would be read as another one; words have no comma and space.")
    try:
        write_json(entries, path)
    except (TypeError, ValueError) as error:
        raise MrisynthError(f"{path}: a value cannot be written as JSON ({error}).") from error


def list_name(dataset: str, modality: str, part: str) -> str:
    """Return ``{DATASET}_{MODALITY}_{part}.json``, the name of a conditional list; parts are train, test and all."""
    if part not in ("train", "test", "all"):
        raise MrisynthError(f"A list of MRGen has no part {part!r}; expected train, test or all.")
    return f"{dataset}_{modality}_{part}.json".replace(" ", "_").replace("/", "-")


def write_synthetic(
    items: Sequence[SyntheticItem],
    folder: str | Path,
    *,
    modality: str,
    kept: Sequence[SyntheticItem],
    arguments: Mapping[str, Any],
) -> None:
    """Write the lists of a synthesis beside its images, sorted by their masks.

    Writes ``args_config.json``, ``json_files/synthetic_{modality}.json`` and, last, ``..._filtered.json``.

    Args:
        items: every candidate; paths are those below ``folder``.
        folder: receives the files.
        modality: of the images, without spaces.
        kept: those of the items that the filter keeps.
        arguments: settings of the synthesis, as JSON has them.

    Raises:
        MrisynthError: one is kept that is no candidate, or as :func:`write_list`.
    """
    known = {item.image_path for item in items}
    if strange := [item.image_path for item in kept if item.image_path not in known]:
        raise MrisynthError(f"{folder}: {strange[0]} is kept and no candidate; give every candidate.")
    whole, filtered = _synthetic_lists(Path(folder), modality)
    write_json(dict(arguments), Path(folder) / ARGUMENTS)
    write_list(sorted(items, key=lambda item: item.index), whole)
    write_list(sorted(kept, key=lambda item: item.index), filtered)


def read_synthetic(folder: str | Path, *, modality: str, files: bool = True) -> SyntheticSet:
    """Read the files of :func:`write_synthetic`, or of MRGen; arguments and errors are those of :func:`read_list`."""
    folder = Path(folder)
    whole, filtered = _synthetic_lists(folder, modality)
    candidates, kept = (read_list(path, form="synthetic", folder=folder, files=files) for path in (whole, filtered))
    arguments = _json(folder / ARGUMENTS) if (folder / ARGUMENTS).is_file() else {}
    if not isinstance(arguments, dict):
        raise MrisynthError(f"{folder / ARGUMENTS} holds no settings; expected keys and values.")
    return SyntheticSet(candidates=candidates, kept=kept, arguments=arguments)


def _synthetic_lists(folder: Path, modality: str) -> tuple[Path, Path]:
    if not modality or Path(modality).name != modality:
        raise MrisynthError(f"{folder}: the modality {modality!a} is no part of a file's name; expected such as T1w.")
    return folder / LISTS / f"synthetic_{modality}.json", folder / LISTS / f"synthetic_{modality}_filtered.json"


def _check(item: Item, seen: set[str], *, folder: Path, beside: Path, files: bool) -> None:
    for written in item.files:
        if not written.lower().endswith(READ_ENDINGS):
            raise ScanError("no_image", f"it names {written[:100]!a}; expected a file {', '.join(READ_ENDINGS)}")
        if files:
            _resolved(written, folder=folder, beside=beside)
        elif next(_inside(written, folder=folder, beside=beside), None) is None:
            raise ScanError("outside", f"{written[:100]!a} leads out of {folder}")
    if item.image_path in seen:
        raise ScanError("repeated", f"it names {item.image_path[:100]!a}, as an entry before it does")
    seen.add(item.image_path)


def _resolved(written: str, *, folder: Path, beside: Path) -> Path:
    reason, message = "outside", f"{written[:100]!a} leads out of {folder}"
    for place in _inside(written, folder=folder, beside=beside):
        if place.is_file():
            return place
        reason, message = "missing", f"{written[:100]!a} is not in {folder}"
    raise ScanError(reason, message)


def _inside(written: str, *, folder: Path, beside: Path) -> Iterator[Path]:
    """Yield where a path may lead inside the folder; outside nothing is looked at."""
    if not written.isprintable() or "\\" in written:
        return
    for base in dict.fromkeys((folder, beside)):
        with contextlib.suppress(MrisynthError, OSError, ValueError):
            yield inside(base / written, folder)


def _entries(path: Path) -> list[Any]:
    content = _json(path)
    if not isinstance(content, list) or len(content) > MOST_ITEMS:
        raise MrisynthError(f"{path} holds no list; expected one of at most {MOST_ITEMS} entries, as MRGen writes it.")
    return content


def _json(path: Path) -> Any:
    if not path.is_file():
        raise MrisynthError(f"{path} is not there; expected a list of MRGen.")
    if path.stat().st_size > MOST_JSON_BYTES:
        raise MrisynthError(f"{path} has {path.stat().st_size} bytes; expected {MOST_JSON_BYTES} at most.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise MrisynthError(f"{path} is no JSON file ({str(error)[:80]}); write it again.") from error
