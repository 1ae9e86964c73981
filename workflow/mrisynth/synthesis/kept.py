"""The candidates of all shards together: decided, those that are kept written, and counted."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, read_table, write_table
from mrisynth.filtering.acceptance import acceptance
from mrisynth.filtering.decision import Rule
from mrisynth.filtering.record import TEXT, decided, merged, read_record

_LOG = logging.getLogger(__name__)
_OF_CANDIDATE = ["seed", "prompt", "mean_iou", "mean_confidence", "lowered"]
KEPT = ["row", "mask", "try", "scan", "participant_id", *_OF_CANDIDATE]
"""Columns of ``kept.tsv``: the row in ``images.npy``, whose mask it was made for, and as in the record."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The candidates of all shards.

    Attributes:
        record: one row a candidate, decided.
        images: of each by mask and try, uint8 [...], memory-mapped.
    """

    record: pd.DataFrame
    images: Mapping[tuple[str, int], np.ndarray]

    @classmethod
    def read(cls, records: Sequence[Path], arrays: Sequence[Path], *, rule: Rule) -> Candidates:
        """Join the shards and decide; arguments are the files of :func:`mrisynth.synthesis.making.make_shard`.

        Raises:
            MrisynthError: there is no candidate, or a record and its images do not belong together.
        """
        tables, images = [], dict[tuple[str, int], np.ndarray]()
        for path, images_path in zip(records, arrays, strict=True):
            table = read_table(path, **dict.fromkeys(TEXT, "string"))
            tables.append(read_record(table, structures=rule.structures))
            if table.empty:
                continue
            stored = open_array(images_path)
            if len(stored) != len(table):
                raise MrisynthError(f"{images_path} holds {len(stored)} images of {len(table)}; make that shard again.")
            images |= {key: stored[row] for row, key in enumerate(_keys(tables[-1]))}
        if not images:
            raise MrisynthError("There is no candidate; the masks of the synthesis are none.")
        return cls(record=decided(merged(tables, structures=rule.structures), rule=rule), images=images)

    def of(self, mask: str) -> pd.DataFrame:
        """Return the rows of one mask."""
        return self.record[self.record["mask"] == mask]


def write_kept(candidates: Candidates, chosen: pd.DataFrame, masks: np.ndarray, folder: Path, *, rule: Rule) -> None:
    """Write ``record.tsv``, ``acceptance.tsv``, ``kept.tsv``, ``images.npy`` and ``masks.npy``.

    Args:
        candidates: of all shards.
        chosen: of :func:`mrisynth.synthesis.chosen.choose_masks`.
        masks: of all packed images, uint8 [n, ...].
        folder: receives the files: images and masks are uint8 [kept, ...], rows belong together.
        rule: that the candidates were decided by.
    """
    record = candidates.record
    kept = record[record["kept"].fillna(value=False)].reset_index(drop=True)
    by_mask = chosen.set_index(chosen["mask"].astype(str))
    people = by_mask["participant_id"].reindex(kept["mask"]).to_numpy()
    table = kept.assign(row=range(len(kept)), participant_id=people)[KEPT]
    shape = (len(kept), *masks.shape[1:])
    images, asked = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    for row, key in enumerate(_keys(kept)):
        images[row], asked[row] = candidates.images[key], masks[int(by_mask["row"].loc[key[0]])]
    for name, stack in (("images", images), ("masks", asked)):
        with atomic(folder / f"{name}.npy") as unfinished, unfinished.open("wb") as stream:
            np.save(stream, stack, allow_pickle=False)
    counts = acceptance(record, rule=rule)
    write_table(counts, folder / "acceptance.tsv")
    write_table(record, folder / "record.tsv")
    write_table(table, folder / "kept.tsv")
    _tell(table, record, chosen)


def _tell(table: pd.DataFrame, record: pd.DataFrame, chosen: pd.DataFrame) -> None:
    words = "%d of %d candidates are kept, for %d of %d masks"
    counts = (len(table), len(record), table["mask"].nunique(), len(chosen))
    if len(table):
        _LOG.info(words, *counts)
    else:
        first = record["reason"].value_counts().index[0]
        _LOG.warning(f"{words}; most often: %s", *counts, first)


def _keys(table: pd.DataFrame) -> list[tuple[str, int]]:
    return [(str(mask), int(number)) for mask, number in zip(table["mask"], table["try"], strict=True)]
