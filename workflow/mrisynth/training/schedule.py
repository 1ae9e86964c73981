"""The schedule of a training: which stage every update belongs to, and which batches it takes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from mrisynth.models.interface import Family, Stage
from mrisynth.recipes import ModelRecipe


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an update stands.

    Attributes:
        stage: its stage.
        number: number of the stage, from 0.
        progress: share of the stage that was done before the update, from 0 and below 1.
        batches: numbers of its batches in the stream of the training.
        images: real images that it shows.
        updates_before: updates of the stage before it.
        images_before: images that the stage had shown before it.
        is_last: whether it ends its stage.
    """

    stage: Stage
    number: int
    progress: float
    batches: range
    images: int
    updates_before: int
    images_before: int
    is_last: bool


class Schedule:
    """The updates of a training in order, stage by stage.

    A stage gets its share of the recipe's images, rounded up to whole updates, or the updates that it is given.

    Args:
        recipe: the model.
        family: its family.
        lengths: updates of stages by name, where another training has found out how many are best.

    Attributes:
        stages: of the family.
        total: number of updates.
    """

    def __init__(self, recipe: ModelRecipe, family: Family, *, lengths: Mapping[str, int] | None = None) -> None:
        self.stages = family.stages(recipe)
        self._recipe = recipe
        self._batches = [family.batches_per_update(recipe, stage) for stage in self.stages]
        shares = sum(stage.share for stage in self.stages)
        self._ends: list[int] = []
        self._batches_before = [0]
        for stage, batches in zip(self.stages, self._batches, strict=True):
            planned = ceil(recipe.images_total * stage.share / shares / (batches * recipe.batch_size))
            updates = (lengths or {}).get(stage.name, planned)
            self._ends.append((self._ends[-1] if self._ends else 0) + updates)
            self._batches_before.append(self._batches_before[-1] + updates * batches)
        self.total = self._ends[-1]

    def place(self, step: int) -> Place:
        """Return where update ``step`` stands."""
        number = self._number(step)
        begin, end = self._begin(number), self._ends[number]
        first, per_update = self._before(step), self._batches[number]
        images = per_update * self._recipe.batch_size
        return Place(
            stage=self.stages[number],
            number=number,
            progress=(step - begin) / (end - begin),
            batches=range(first, first + per_update),
            images=images,
            updates_before=step - begin,
            images_before=(step - begin) * images,
            is_last=step + 1 == end,
        )

    def images_at(self, step: int) -> int:
        """Return the images that were shown before update ``step``."""
        return self._before(step) * self._recipe.batch_size

    def lengths(self) -> list[int]:
        """Return the updates of every stage."""
        return [end - self._begin(number) for number, end in enumerate(self._ends)]

    def first_step(self, chunk: int) -> int:
        """Return the first update of a chunk, the same however the chain is cut before; past the last chunk: all."""
        if chunk >= self._recipe.chunks:
            return self.total
        images = chunk * self._recipe.images_per_chunk
        return bisect_left(range(self.total), images, key=self.images_at)

    def _number(self, step: int) -> int:
        return min(bisect_right(self._ends, step), len(self.stages) - 1)

    def _begin(self, number: int) -> int:
        return self._ends[number - 1] if number else 0

    def _before(self, step: int) -> int:
        """Return the batches that were shown before update ``step``."""
        number = self._number(step)
        return self._batches_before[number] + (step - self._begin(number)) * self._batches[number]
