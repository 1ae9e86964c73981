"""How far a predicted label map overlaps the true one: Dice of each structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mrisynth.errors import MrisynthError

BothEmpty = Literal["agree", "missing"]
"""What a structure counts that is in neither map: full agreement (1, as MRGen counts it), or nothing (NaN, left out of
means). A structure that only one of the maps holds counts 0 in either case: it was missed, or it was made up."""


def dice(
    predicted: np.ndarray, true: np.ndarray, numbers: Sequence[int], *, both_empty: BothEmpty = "agree"
) -> np.ndarray:
    """Return 2 |P and T| / (|P| + |T|) of each structure (Dice 1945), float64 [structures], 0..1.

    Args:
        predicted, true: [x, y, z] or [row, column], whole numbers, of one grid.
        numbers: what the structures are in both maps.
        both_empty: what a structure counts that is in neither.

    Raises:
        MrisynthError: the maps are no label maps of one grid.
    """
    check_maps(predicted, true)
    counted = value_of_absence(both_empty)
    found = []
    for number in numbers:
        one, other = predicted == number, true == number
        total = int(one.sum()) + int(other.sum())
        found.append(2.0 * int((one & other).sum()) / total if total else counted)
    return np.array(found)


def value_of_absence(both_empty: BothEmpty) -> float:
    """Return what a structure counts that is in neither map: 1, or NaN for none.

    Raises:
        MrisynthError: another word than those of :data:`BothEmpty`.
    """
    if both_empty not in ("agree", "missing"):
        raise MrisynthError(
            f"Found {both_empty!r} for structures that are in neither label map; expected 'agree' (they count 1) or "
            "'missing' (they count nothing)."
        )
    return 1.0 if both_empty == "agree" else float("nan")


def check_maps(predicted: np.ndarray, true: np.ndarray) -> None:
    """Refuse what are no two label maps of one grid.

    Raises:
        MrisynthError: says which shapes and types were found.
    """
    whole = all(array.dtype.kind in "iub" for array in (predicted, true))
    if predicted.shape != true.shape or true.ndim not in (2, 3) or not whole:
        raise MrisynthError(
            f"Found a predicted label map of shape {predicted.shape} ({predicted.dtype}) and a true one of shape "
            f"{true.shape} ({true.dtype}); expected whole numbers on one grid of two or three axes. Bring both to one "
            "grid by nearest neighbours first."
        )
