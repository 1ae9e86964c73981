"""What the scans table says of given scans, such as those that were packed or embedded."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mrisynth.errors import MrisynthError


def text_of_scans(scans: pd.DataFrame, names: Sequence[str], *columns: str) -> tuple[list[str], ...]:
    """Return columns of the scans table as text, one entry a named scan, in the order of the names.

    Args:
        scans: the scans table; only its column ``scan`` and ``columns`` are read.
        names: scans, such as those of a packed array.
        columns: such as ``split``.

    Raises:
        MrisynthError: a scan is not in the table.
    """
    known = scans.set_index(scans["scan"].astype(str))
    if absent := [name for name in names if name not in known.index]:
        raise MrisynthError(
            f"The scans table knows no scan {absent[0]} ({len(absent)} of {len(names)} scans unknown in all); delete "
            "what lists them and run again."
        )
    return tuple(known.loc[list(names), column].astype(str).tolist() for column in columns)


def scans_in_split(scans: pd.DataFrame, names: Sequence[str], split: str) -> list[str]:
    """Return the named scans of a split, in the order of the names; errors as :func:`text_of_scans`."""
    (splits,) = text_of_scans(scans, names, "split")
    return [name for name, found in zip(names, splits, strict=True) if found == split]
