"""Slices of a trained model as PNG files and as a stack: what ``python -m mrisynth.sample`` does for slice models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import write_table
from mrisynth.progress import track
from mrisynth.sampling import Sampler, table_row
from mrisynth.slices.drawn import write_drawn
from mrisynth.store import from_unit
from mrisynth.wishes import Condition


def save_slices(
    sampler: Sampler, folder: Path, *, table: Path, counts: Sequence[int], seed: int | None = None, first: int = 0,
    condition: Condition = None, size: int | None = None,
) -> None:  # fmt: skip
    """Write the files of :func:`mrisynth.slices.drawn.write_drawn` and, last, the table of the samples.

    Args:
        sampler: a model of slices.
        folder: is made where it is not there.
        table: the table.
        counts: number of samples; several numbers are those of each class in turn.
        seed, first, condition: as in :meth:`mrisynth.sampling.Sampler.draw`.
        size: pixels a side, a divisor of the model's: the area average of its samples. None for the model's own.

    Raises:
        MrisynthError: another number of classes, a size that does not divide the model's, or an unknown wish.
    """
    whole = sampler.recipe.size
    size = size or whole
    if whole % size:
        raise MrisynthError(f"--size {size}: {sampler.recipe.name} draws {whole} pixels a side; expected a divisor.")
    if len(counts) > 1 and (condition is not None or len(counts) != len(sampler.classes)):
        raise MrisynthError(
            f"--per-class has {len(counts)} numbers and the model {len(sampler.classes)} classes "
            f"({', '.join(sampler.classes)}); expected one for each, and no --condition."
        )
    wishes: list[Condition] = list(range(len(counts))) if len(counts) > 1 else [condition]
    rows: list[dict[str, Any]] = []

    def drawn() -> Iterator[tuple[int, int, np.ndarray]]:
        for count, wish in zip(counts, wishes, strict=True):
            begin = first + len(rows)
            for image, _, label, sample_seed in sampler.stream(count, seed=seed, first=begin, condition=wish):
                number = first + len(rows)
                rows.append(table_row(sampler, number, seed=sample_seed, label=label))
                yield number, sampler.label_number(label), from_unit(_averaged(image, size))

    write_drawn(track(drawn(), sampler.recipe.name, sum(counts)), folder)
    write_table(pd.DataFrame(rows), table)


def _averaged(image: np.ndarray, size: int) -> np.ndarray:
    """Return an image [row, column, ...] averaged onto ``size`` pixels a side."""
    step = image.shape[0] // size
    parts = image.reshape(size, step, size, step, *image.shape[2:])
    return parts.mean(axis=(1, 3), dtype=np.float64).astype(np.float32)
