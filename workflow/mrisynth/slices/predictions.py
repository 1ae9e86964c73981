"""Predictions: what a classifier says of each slice, as ``predictions.csv`` and in the published form of PACGAN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING, atomic
from mrisynth.metrics.classification import predicted_classes

PREDICTIONS = "predictions.csv"
SLICE_COLUMNS = ["image", "scan", "participant_id", "split", "label"]
"""What the table says of each slice; ``label`` is the true class in words."""

_PREDICTED, _PROBABILITY = "predicted", "probability_"
_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """A table of predictions.

    Attributes:
        table: ``image``, ``scan``, ``participant_id``, ``split``, ``label``, ``predicted``, ``probability_{class}``.
        classes: names in the order of the columns.
    """

    table: pd.DataFrame
    classes: list[str]

    @property
    def probabilities(self) -> np.ndarray:
        """What each class was given, float64 [n, classes]."""
        return self.table[[f"{_PROBABILITY}{name}" for name in self.classes]].to_numpy(dtype=np.float64)

    @property
    def labels(self) -> np.ndarray:
        """Number of the true class, int64 [n]; -1 where it is missing or none of the classes."""
        number = {name: place for place, name in enumerate(self.classes)}
        return np.array([number.get(label, -1) for label in self.table["label"]], dtype=np.int64)

    @property
    def participants(self) -> list[str]:
        """The participant of each slice; a slice of nobody known, such as a sample, is its own."""
        known = self.table["participant_id"]
        return known.where(known.notna(), "image " + self.table["image"]).tolist()


def write_predictions(
    path: str | Path, slices: pd.DataFrame, probabilities: np.ndarray, *, classes: Sequence[str]
) -> None:
    """Write what a classifier says of slices: one line each, missing values as ``n/a``.

    Args:
        path: the CSV.
        slices: one row each, with :data:`SLICE_COLUMNS`, such as rows of the index of a
            :class:`mrisynth.slices.slice_set.SliceSet`.
        probabilities: [n, classes], each row sums to 1, in the order of the rows.
        classes: names of the classes; the one with the largest probability is ``predicted``.

    Raises:
        MrisynthError: a column is missing, an image is named twice, or the probabilities are none or of other slices.
    """
    if absent := [name for name in SLICE_COLUMNS if name not in slices]:
        raise MrisynthError(f"The slices have no column {absent[0]}; they have {', '.join(map(str, slices.columns))}.")
    if len(set(classes)) != len(classes) or probabilities.shape != (len(slices), len(classes)):
        raise MrisynthError(
            f"Found probabilities {probabilities.shape} of {len(slices)} slices and the classes {', '.join(classes)}; "
            "expected a row a slice and a column a class, no class twice."
        )
    table = slices[SLICE_COLUMNS].reset_index(drop=True)
    said = predicted_classes(probabilities) if len(slices) else np.array([], dtype=np.int64)
    table[_PREDICTED] = pd.Series([classes[number] for number in said], dtype="string")
    for number, name in enumerate(classes):
        table[f"{_PROBABILITY}{name}"] = probabilities[:, number].astype(np.float64)
    _check(table, classes, path)
    with atomic(path) as unfinished:
        table.to_csv(unfinished, index=False, na_rep=MISSING, lineterminator="\n")


def read_predictions(path: str | Path) -> Predictions:
    """Read a table of :func:`write_predictions`; a text ``n/a`` or an empty cell is missing, and no other.

    Raises:
        MrisynthError: it is not there, has other columns, names an image twice, or holds no probabilities.
    """
    path = Path(path)
    if not path.is_file():
        raise MrisynthError(f"{path} is not there; classify the slices first.")
    table = pd.read_csv(path, dtype="string", na_values=[MISSING, ""], keep_default_na=False, encoding="utf-8-sig")
    expected = [*SLICE_COLUMNS, _PREDICTED]
    columns = list(table.columns)[len(expected) :]
    if list(table.columns)[: len(expected)] != expected or not all(name.startswith(_PROBABILITY) for name in columns):
        raise MrisynthError(
            f"{path} has the columns {', '.join(map(str, table.columns))}; expected {', '.join(expected)} and "
            f"{_PROBABILITY}CLASS for each class."
        )
    classes = [name.removeprefix(_PROBABILITY) for name in columns]
    try:
        table[columns] = table[columns].to_numpy(dtype=object, na_value="nan").astype(np.float64)
    except ValueError as error:
        raise MrisynthError(f"{path} holds a probability that is no number ({error}); classify again.") from error
    _check(table, classes, path)
    return Predictions(table=table, classes=classes)


def write_published_predictions(path: str | Path, probabilities: np.ndarray, *, images: str | Path) -> None:
    """Write predictions in the form of PACGAN's command.

    A column without a name is the position in the stack, from 0; ``Predictions for {images}`` the number of the class
    with the largest probability; ``Class 0``, ``Class 1`` and so on the probabilities.

    Args:
        path: the CSV.
        probabilities: [n, classes], each row sums to 1.
        images: the file that was classified, as its user named it.
    """
    table = pd.DataFrame({f"Predictions for {images}": predicted_classes(probabilities)})
    for number in range(probabilities.shape[1]):
        table[f"Class {number}"] = probabilities[:, number]
    with atomic(path) as unfinished:
        table.to_csv(unfinished, lineterminator="\n")


def _check(table: pd.DataFrame, classes: Sequence[str], path: str | Path) -> None:
    names = table["image"]
    if names.isna().any() or names.duplicated().any():
        raise MrisynthError(f"{path}: an image has no name, or two have the same; expected one line an image.")
    chances = table[[f"{_PROBABILITY}{name}" for name in classes]].to_numpy(dtype=np.float64)
    wrong = ~(np.isfinite(chances) & (chances >= 0)).all(axis=1) | (np.abs(chances.sum(axis=1) - 1.0) > _TOLERANCE)
    said = table[_PREDICTED].isin(list(classes)).to_numpy(dtype=bool)
    if wrong.any() or not said.all():
        row = int((wrong | ~said).argmax())
        raise MrisynthError(
            f"{path}: line {row + 2} (image {names.iloc[row]}) holds no probabilities that sum to 1, or predicts "
            f"another class than {', '.join(classes)}."
        )
