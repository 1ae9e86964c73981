"""Samples for the outside: one table of all shards, and NIfTI files with a true affine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.files import read_json, read_table, write_table
from mrisynth.imaging.volume import write_volume


def collect_shards(
    volumes: Sequence[Path],
    tables: Sequence[Path],
    *,
    recipe: Path,
    table_path: Path,
    nifti_folder: Path,
    nifti: int,
) -> None:
    """Write the table of all samples and the first ``nifti`` of them as float32 NIfTI in [0, 1].

    Args:
        volumes: the shards' arrays, uint8 [sample, x, y, z], in order.
        tables: the shards' tables, in the same order.
        recipe: the model's recipe.json, which knows the affine and the condition's columns.
    """
    facts = read_json(recipe)
    words = dict.fromkeys((column["name"] for column in facts["columns"]), "string")
    parts = [read_table(table, **words).assign(shard=table.stem) for table in tables]
    samples = pd.concat(parts, ignore_index=True)
    nifti_folder.mkdir(parents=True, exist_ok=True)
    affine = np.array(facts["affine"])
    written = 0
    for shard, part in zip(volumes, parts, strict=True):
        packed = np.load(shard, mmap_mode="r", allow_pickle=False)
        for row, sample in enumerate(part["sample"][: nifti - written]):
            image = nib.Nifti1Image(packed[row].astype(np.float32) / 255.0, affine)
            write_volume(image, nifti_folder / f"sample-{int(sample):06d}_T1w.nii.gz")
        written += min(len(part), nifti - written)
    write_table(samples, table_path)
