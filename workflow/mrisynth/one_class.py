"""Models of one class alone: which images of a condition they are trained on and compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.conditions import Condition
from mrisynth.errors import MrisynthError
from mrisynth.labels import label_name

OTHER_CLASS = "other class"
"""What stands in place of the split of an image that is of another class, or of which the class is not known."""


@dataclass(frozen=True, kw_only=True)
class OneClass:
    """The class that a model is of.

    Attributes:
        condition: name of the condition.
        label: number of the class among those of the condition.
        columns: categories of each column of the condition, in order.
    """

    condition: str
    label: int
    columns: Mapping[str, list[str]]

    @property
    def name(self) -> str:
        """The class in words."""
        return label_name(self.label, self.columns)

    @classmethod
    def of(cls, condition: Condition, name: str) -> OneClass:
        """Return the class of this name.

        Raises:
            MrisynthError: the condition has no such class.
        """
        if name not in condition.classes:
            raise MrisynthError(
                f"models.<name>.only is {name}, and condition {condition.name} has the classes "
                f"{', '.join(condition.classes) or '(none)'}; name one of these."
            )
        return cls(condition=condition.name, label=condition.classes.index(name), columns=condition.columns)

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> OneClass | None:
        """Return what :meth:`told` wrote into the recipe.json of a model; None for a model of all classes."""
        found = facts.get("extra", {}).get("only")
        if found is None:
            return None
        columns = {column["name"]: column["categories"] for column in found["columns"]}
        return cls(condition=found["condition"], label=found["label"], columns=columns)

    def told(self) -> dict[str, Any]:
        """Return what recipe.json says of the class, under ``extra.only``."""
        columns = [{"name": name, "categories": list(words)} for name, words in self.columns.items()]
        return {"class": self.name, "condition": self.condition, "label": self.label, "columns": columns}


def without_classes(condition: Condition) -> Condition:
    """Return the condition as one that tells a network nothing, as the condition ``none`` is."""
    table = condition.table[["scan"]].assign(label=0, label_name="all")
    return Condition(
        name=condition.name, table=table, columns={}, classes=[], origin=condition.origin, warnings=condition.warnings
    )


def splits_of_class(images: pd.DataFrame, condition: Condition, only: str) -> pd.DataFrame:
    """Return a table of images in which those of other classes are in no split.

    Args:
        images: ``scan`` and ``split``, such as the index of slices or the scans table.
        condition: knows the class of every scan that is packed.
        only: name of the class.

    Returns:
        The same rows; ``split`` is :data:`OTHER_CLASS` where the class is another or unknown.

    Raises:
        MrisynthError: the condition has no such class.
    """
    label = OneClass.of(condition, only).label
    told = condition.table
    mine = images["scan"].astype(str).isin(told.loc[told["label"] == label, "scan"].astype(str))
    return images.assign(split=np.where(mine, images["split"], OTHER_CLASS))
