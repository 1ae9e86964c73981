"""The slices of a study and of a model side by side, and how well their classes are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.clusters.joint_maps import joint_maps
from mrisynth.conditions import Condition
from mrisynth.embeddings import Embeddings
from mrisynth.files import read_table
from mrisynth.labelled_sets import feature_warnings
from mrisynth.metrics.separability import Separability, labelled_features, pixel_features, separability_scores
from mrisynth.metrics.slice_similarity import SliceGroup
from mrisynth.one_class import OneClass, splits_of_class
from mrisynth.reporting.separability_figure import MappedSpace
from mrisynth.slice_tables import per_image
from mrisynth.slices.slice_set import open_slices

PIXELS = {"features": "pixels", "weights_sha256": "none: pixels", "trained": True}
"""What stands in place of a feature space where pixels themselves are looked at."""


@dataclass(frozen=True, kw_only=True)
class SliceSets:
    """The real slices of a study at one size and the samples of a model.

    Attributes:
        index: one row a real slice.
        real: all real slices, in its order.
        fake: the samples.
        classes: names of the classes; empty for an unconditional model.
    """

    index: pd.DataFrame
    real: SliceGroup
    fake: SliceGroup
    classes: list[str]

    @classmethod
    def read(
        cls, slices: Path, *, size: int, condition: Condition, shards: Sequence[Path], samples: Path,
        only: str | None = None,
    ) -> SliceSets:  # fmt: skip
        """Open real slices and samples and join their labels.

        Args:
            slices: folder of the packed slices.
            size: pixels a side.
            condition: of the model.
            shards: arrays of the samples, in order.
            samples: their table.
            only: class that the model is of, if it is of one alone; slices of others are then in no split.
        """
        opened = open_slices(slices, size)
        images = np.concatenate([open_array(shard) for shard in shards])
        asked = read_table(samples)["label"].to_numpy(dtype=np.int64)
        told = per_image(condition.table, opened.index)["label"].to_numpy(dtype=np.int64)
        people = opened.index["participant_id"].astype(str).tolist()
        names = [f"sample {number}" for number in range(len(images))]
        index, classes = opened.index, condition.classes
        if only is not None:
            one = OneClass.of(condition, only).label
            index, classes = splits_of_class(index, condition, only), [only]
            told, asked = (np.where(labels == one, 0, -1) for labels in (told, asked))
        return cls(
            index=index,
            real=SliceGroup(images=opened.images, labels=told, participants=people),
            fake=SliceGroup(images=images, labels=asked, participants=names),
            classes=classes,
        )

    def of(self, split: str) -> SliceGroup:
        """Return the real slices of a split."""
        rows = np.flatnonzero((self.index["split"] == split).to_numpy(dtype=bool))
        people = [self.real.participants[row] for row in rows]
        return SliceGroup(images=self.real.images[rows], labels=self.real.labels[rows], participants=people)


def separability_of_model(
    sets: SliceSets,
    found: Mapping[tuple[str, str], Embeddings],
    *,
    model: str,
    column: str,
    seed: int,
) -> tuple[pd.DataFrame, list[MappedSpace]]:
    """Return how well classes are told apart in real slices and in samples, in each feature space and in raw pixels.

    All real slices count, each judged by a probe that has not seen its participant.

    Args:
        sets: slices and samples.
        found: (features, source) -> embeddings; ``real`` and the model's name are used.
        model: name of the model.
        column: name of what the classes are of.
        seed: the study's seed.

    Returns:
        The scores and what a figure shows of each space.
    """
    view = f"slice {sets.real.images.shape[1]}"
    spaces: list[tuple[Mapping[str, Any], np.ndarray, np.ndarray]] = []
    for name in dict.fromkeys(space for space, _ in found):
        real, samples = found[name, "real"], found[name, model]
        spaces.append((real.meta, real.rows(sets.index["image"].tolist()), samples.features))
    spaces.append((PIXELS, pixel_features(sets.real.images), pixel_features(sets.fake.images)))
    tables, shown = [], []
    for meta, real_rows, fake_rows in spaces:
        one, other = (
            labelled_features(rows, group.labels, group.participants, classes=sets.classes, column=column)
            for rows, group in ((real_rows, sets.real), (fake_rows, sets.fake))
        )
        fields = {
            "features": meta["features"], "features_sha256": meta["weights_sha256"],
            "features_trained": meta["trained"], "view": view, "reference": "all",
            "warning": " ".join(feature_warnings(meta)),
        }  # fmt: skip
        table, judged = separability_scores(
            one, other, column, classes=sets.classes, model=model, seed=seed, fields=fields
        )
        tables.append(table)
        shown.append(_mapped(meta, real_rows, fake_rows, sets, judged, seed=seed))
    return pd.concat(tables, ignore_index=True), shown


def _mapped(
    meta: Mapping[str, Any], real: np.ndarray, fake: np.ndarray, sets: SliceSets, judged: Mapping[str, Separability],
    *, seed: int,
) -> MappedSpace:  # fmt: skip
    return MappedSpace(
        name="raw pixels" if meta is PIXELS else f"{meta['features']} features",
        trained=meta["trained"],
        maps=joint_maps(real, fake, seed=seed),
        real_labels=sets.real.labels,
        sample_labels=sets.fake.labels,
        real=judged["real"].auc,
        samples=judged["samples"].auc,
    )
