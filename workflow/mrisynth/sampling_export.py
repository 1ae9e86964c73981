"""Samples for the outside: one table of all shards, and NIfTI files with a true affine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.files import read_json, read_table
from mrisynth.imaging.volume import write_volume
from mrisynth.one_class import OneClass
from mrisynth.slices.drawn import write_drawn


def read_samples(tables: Sequence[Path], *, recipe: Path) -> pd.DataFrame:
    """Return the rows of all shards of a model, with ``shard``.

    Args:
        tables: the shards' tables, in order.
        recipe: the model's recipe.json, which knows the columns of its condition, or of the class that it is of.
    """
    facts = read_json(recipe)
    one = OneClass.read(facts)
    names = [column["name"] for column in facts["columns"]] if one is None else list(one.columns)
    words = dict.fromkeys(names, "string")
    return pd.concat([read_table(table, **words).assign(shard=table.stem) for table in tables], ignore_index=True)


def write_slices(images: Sequence[Path], tables: Sequence[Path], *, folder: Path, count: int) -> None:
    """Write the first ``count`` slices of a model as :func:`mrisynth.slices.drawn.write_drawn` does.

    Args:
        images: the shards' arrays, uint8 [sample, row, column], in order.
        tables: the shards' tables, in the same order.
        folder: receives the files.
    """
    table = pd.concat([read_table(path) for path in tables], ignore_index=True)[:count]
    packed = (np.asarray(image) for path in images for image in open_array(path))
    write_drawn(zip(table["sample"], table["label"], packed, strict=False), folder)


def write_nifti(volumes: Sequence[Path], tables: Sequence[Path], *, recipe: Path, folder: Path, count: int) -> None:
    """Write the first ``count`` samples of a model as float32 NIfTI in [0, 1].

    Args:
        volumes: the shards' arrays, uint8 [sample, x, y, z], in order.
        tables: the shards' tables, in the same order.
        recipe: the model's recipe.json, which knows the affine.
        folder: gets ``sample-{number}_T1w.nii.gz``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    affine = np.array(read_json(recipe)["affine"])
    written = 0
    for shard, table in zip(volumes, tables, strict=True):
        if written >= count:
            return
        packed, numbers = open_array(shard), read_table(table)["sample"]
        for row, sample in enumerate(numbers[: count - written]):
            image = nib.Nifti1Image(packed[row].astype(np.float32) / 255.0, affine)
            write_volume(image, folder / f"sample-{int(sample):06d}_T1w.nii.gz")
        written += min(len(numbers), count - written)
