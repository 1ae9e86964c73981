"""``python -m mrisynth.class_grid STUDY CONDITION PICTURE``: real slices and those of each model, class by class."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mrisynth.arrays import open_array
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, read_table
from mrisynth.reporting.class_gallery import class_gallery
from mrisynth.reporting.shown_images import in_turn
from mrisynth.slice_tables import read_told
from mrisynth.slices.slice_set import open_slices

_FORMATS = (".png", ".svg", ".pdf")

ByClass = Mapping[str, Sequence[np.ndarray]]


def draw_class_grid(study: Path, condition: str, picture: Path, *, each: int, real: bool = True) -> None:
    """Draw the first slices of each class by number: of test participants, one each in turn, and of every model.

    Args:
        study: folder of a study of slices that has drawn its samples.
        condition: name of a condition that models of slices are told.
        picture: PNG, SVG or PDF.
        each: slices of a class in a row.
        real: whether real slices are shown; without them the picture is of nobody.

    Raises:
        MrisynthError: the study has no model of slices with this condition, or one that has drawn no samples; the
            picture is of another format, or ``each`` below 1.
    """
    if picture.suffix not in _FORMATS or each < 1:
        raise MrisynthError(
            f"Found {picture} and {each} slices of a class; expected a name that ends in {', '.join(_FORMATS)} and 1 "
            "or more."
        )
    recipes = {path.parent.name: read_json(path) for path in sorted((study / "models").glob("*/recipe.json"))}
    mine = {name: facts for name, facts in recipes.items() if _is_told(facts, condition)}
    if not mine:
        raise MrisynthError(
            f"{study / 'models'} has no model of slices that is told the condition {condition}; found "
            f"{', '.join(recipes) or 'no model'}."
        )
    for name in mine:
        if not (table := study / "samples" / name / "samples.tsv").is_file():
            raise MrisynthError(f"{table} is not there; let the study draw its samples first.")
    told = read_told(study / "conditions" / f"{condition}.tsv", slices=study / "slices" / "index.tsv")
    size = max(facts["model"]["size"] for facts in mine.values())
    words = dict(zip(told.table["scan"], told.table["label_name"], strict=True))
    rows = {"real test slices": _real(study / "slices", size, words, each)} if real else {}
    rows |= {name: _drawn(study / "samples" / name, each) for name in mine}
    class_gallery(rows, picture, classes=told.classes, title=f"Slices by {condition}")


def _is_told(facts: Mapping, condition: str) -> bool:
    model = facts["model"]
    return model.get("dimensions", 3) == 2 and model["condition"] == condition and bool(facts["classes"])


def _real(folder: Path, size: int, label_names: Mapping[str, str], each: int) -> ByClass:
    """Return the slices of test participants, one of each in turn, by class."""
    slices = open_slices(folder, size)
    index = slices.index.set_index("row").loc[slices.rows(split="test")]
    rows = in_turn([int(row) for row in index.index], index["participant_id"].astype(str).tolist())
    names = {int(row): label_names.get(str(image)) for row, image in index["image"].items()}
    found: dict[str, list[np.ndarray]] = {}
    for row in rows:
        found.setdefault(str(names[row]), []).append(np.asarray(slices.images[row]))
    return {name: images[:each] for name, images in found.items()}


def _drawn(folder: Path, each: int) -> ByClass:
    """Return the first samples of each class."""
    table = read_table(folder / "samples.tsv", shard="string")
    found: dict[str, list[np.ndarray]] = {}
    for shard, rows in table.groupby("shard", sort=True):
        images = open_array(folder / "shards" / f"{shard}.npy")
        for place, name in enumerate(rows["label_name"].astype(str)):
            found.setdefault(name, []).append(images[place])
    return {name: [np.asarray(image) for image in images[:each]] for name, images in found.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mrisynth.class_grid", description=__doc__.split(": ", 1)[1])
    parser.add_argument("study", type=Path, help="folder of the study")
    parser.add_argument("condition", help="name of the condition")
    parser.add_argument("picture", type=Path, help="PNG, SVG or PDF to write")
    parser.add_argument("--each", type=int, default=5, help="slices of a class in a row (default: 5)")
    parser.add_argument("--samples-only", action="store_true", help="no real slices, for pictures to pass on")
    given = parser.parse_args(arguments)
    try:
        draw_class_grid(given.study, given.condition, given.picture, each=given.each, real=not given.samples_only)
    except MrisynthError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
