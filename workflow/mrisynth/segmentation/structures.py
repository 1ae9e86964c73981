"""Which values of a label map are which structure, and which number nnU-Net knows it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mrisynth.errors import MrisynthError

if TYPE_CHECKING:
    import pandas as pd

MOST_STRUCTURES = 254
"""nnU-Net stores more than that in another type of file."""


@dataclass(frozen=True)
class Structures:
    """Names of structures in the order of their numbers, which go from 1 on without a gap; 0 is background.

    Attributes:
        values: name -> values of label maps that are this structure, such as those of its left and right side.
        background: values that are no structure.
    """

    values: Mapping[str, Sequence[int]]
    background: Sequence[int] = (0,)

    def __post_init__(self) -> None:
        names = list(self.values)
        taken = [int(value) for known in self.values.values() for value in known] + list(self.background)
        wrong = [name for name in names if not name or name == "background" or not self.values[name]]
        if not 0 < len(names) <= MOST_STRUCTURES or wrong:
            raise MrisynthError(
                f"Found {len(names)} structures{f', {wrong[0]!r} among them' if wrong else ''}; expected 1 to "
                f"{MOST_STRUCTURES} with names other than 'background', each with one value of the label maps or more."
            )
        twice = sorted({value for value in taken if taken.count(value) > 1})
        if twice:
            raise MrisynthError(f"The values {twice} of label maps are of two structures, or of one and background.")

    @property
    def numbers(self) -> dict[str, int]:
        """Return name -> number in the data set."""
        return {name: number for number, name in enumerate(self.values, start=1)}

    def encode(self, labels: np.ndarray, *, name: str) -> np.ndarray:
        """Return a label map as numbers of structures, uint8 of its shape.

        Args:
            labels: whole numbers, of any type.
            name: of the case, for the error.

        Raises:
            MrisynthError: values are no whole numbers, as after an interpolation, or of no structure.
        """
        whole = np.asarray(labels)
        if whole.dtype.kind not in "iub":
            rounded = np.rint(whole)
            if not np.array_equal(rounded, whole):
                raise MrisynthError(
                    f"The label map of {name} holds values that are no whole numbers, as after an interpolation; bring "
                    "label maps to another grid by nearest neighbours."
                )
            whole = rounded.astype(np.int64)
        found = np.unique(whole)
        known = {int(value): self.numbers[one] for one, values in self.values.items() for value in values}
        known |= {int(value): 0 for value in self.background}
        strange = [int(value) for value in found if int(value) not in known]
        if strange:
            raise MrisynthError(
                f"The label map of {name} holds the values {strange[:10]}, which are of no structure; name them under "
                "a structure or as background."
            )
        lookup = np.array([known[int(value)] for value in found], dtype=np.uint8)
        return lookup[np.searchsorted(found, whole)]

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers of structures as values of label maps, the first one of each; int32 of the same shape."""
        first = [next(iter(self.background or (0,))), *(values[0] for values in self.values.values())]
        return np.array(first, dtype=np.int32)[numbers]

    def table(self) -> pd.DataFrame:
        """Return the mapping, one row a structure: ``structure``, ``number``, ``values`` with commas between them."""
        import pandas as pd

        rows = [{"structure": "background", "number": 0, "values": _listed(self.background)}]
        for name, number in self.numbers.items():
            rows.append({"structure": name, "number": number, "values": _listed(self.values[name])})
        return pd.DataFrame(rows)


def _listed(values: Sequence[int]) -> str:
    return ",".join(str(int(value)) for value in values)
