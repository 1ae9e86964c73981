"""Tables of scans as tables of slices: every image of a scan has its row, under the image's own name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from mrisynth.conditions import Condition, read_condition
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.slices.slice_set import read_index


def read_scans(scans: str | Path, *, slices: str | Path | None = None) -> pd.DataFrame:
    """Read the scans table; with the index of packed slices, one row an image, ``scan`` being the image's name."""
    table = read_table(scans)
    return per_image(table, _packed(slices)) if slices else table


def read_told(condition: str | Path, *, slices: str | Path | None = None) -> Condition:
    """Read a condition; with the index of packed slices, one row an image, ``scan`` being the image's name."""
    told = read_condition(Path(condition))
    return replace(told, table=per_image(told.table, _packed(slices))) if slices else told


def per_image(table: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Return a table of scans with a row for each image in the order of the images; ``scan`` is the image's name.

    Args:
        table: one row a scan, by ``scan``.
        images: ``image`` and ``scan``, such as the index of packed slices.

    Raises:
        MrisynthError: the table does not know the scan of an image.
    """
    known = table.set_index(table["scan"].astype(str))
    scans = images["scan"].astype(str)
    if len(absent := scans[~scans.isin(known.index)]):
        raise MrisynthError(f"The table knows no scan {absent.iloc[0]} ({absent.nunique()} scans of images unknown).")
    return known.loc[scans].assign(scan=images["image"].astype(str).to_numpy()).reset_index(drop=True)


def _packed(index: str | Path) -> pd.DataFrame:
    table = read_index(Path(index).parent)
    return table[table["row"].notna()]
