"""Distances of features class by class: samples asked for with a class against the real scans of that class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.metrics.scoring import Scored
from mrisynth.metrics.study_scores import score_model

BY_CLASS = "_by_class"
"""Ending of the metrics of the configuration that are computed class by class, such as ``fid_by_class``."""


def class_metric(value: str, *, condition: str, label: str) -> str:
    """Return the name of a value of one class: ``fid_by_class_sex:f``.

    It names the condition, too: classes of the same name under two conditions (the clusters of two rounds) hold other
    scans, and their scores must not be compared as if they were of the same ones.
    """
    return f"{value}{BY_CLASS}_{condition}:{label}"


def named_by_class(scored: Scored, *, condition: str, label: str) -> Scored:
    """Return the scores of one class, of the class by itself or of a model of it alone, under the names of the class.

    Args:
        scored: of scans and samples of the class alone.
        condition, label: as in :func:`class_metric`.
    """
    names = [class_metric(value, condition=condition, label=label) for value in scored.table["metric"]]
    resampled = {
        (*rest, class_metric(value, condition=condition, label=label)): values
        for (*rest, value), values in scored.replicates.items()
    }
    return Scored(scored.table.assign(metric=names), resampled)


def score_classes(
    name: str, found: Mapping[tuple[str, str], Embeddings], *, model: str, scans: pd.DataFrame, condition: str,
    classes: Sequence[str], labels: Mapping[str, int], asked: Sequence[int], seed: int, draws: int, replicates: int,
    k: int = 3,
) -> Scored:  # fmt: skip
    """Return the scores of every joint class by itself, as if the class were all there is.

    Each class is scored by :func:`mrisynth.metrics.study_scores.score_model`: references, equal numbers, floors (real
    scans of the class against others of it), intervals and the scale of the kernel distance (standard deviations of
    the training scans of the class) are those of its scans and samples alone. Scans and samples that lack a value of
    the condition belong to no class. A class of too few scans or samples has a missing value and a warning.

    Args:
        name: ``fid_by_class``, ``kid_by_class``, or another metric of features with that ending.
        found: (features, source) -> embeddings, as for :func:`mrisynth.metrics.study_scores.score_model`.
        model: name of the model.
        scans: the scans table, with ``scan``, ``participant_id`` and ``split``.
        condition: name of the model's condition, with the round of clusters (``clusters.0``).
        classes: names of the joint classes, in the order of their labels.
        labels: scan -> label, as in :mod:`mrisynth.labels`.
        asked: label of each sample; the untrained generator and the low resolution were asked for the same.
        seed, draws, replicates, k: as in :func:`mrisynth.metrics.scoring.score_sources`.

    Raises:
        MrisynthError: the model has no classes, a scan has no label, or labels and samples differ in number.
    """
    if not classes:
        raise MrisynthError(
            f"The model {model} is unconditional and {name} scores the classes of a condition; take {name} out of the "
            "target, or set models.<name>.condition."
        )
    of_source = {key: labels_of(embeddings, key[1], labels=labels, asked=asked) for key, embeddings in found.items()}
    tables, resampled = [], {}
    for number, label in enumerate(classes):
        mine = {
            key: embeddings.taken([row for row, one in enumerate(of_source[key]) if one == number])
            for key, embeddings in found.items()
        }
        scored = score_model(
            name.removesuffix(BY_CLASS), mine, model=model, scans=scans, seed=seed, draws=draws, replicates=replicates,
            k=k,
        )  # fmt: skip
        named = named_by_class(scored, condition=condition, label=label)
        tables.append(named.table)
        resampled |= named.replicates
    return Scored(pd.concat(tables, ignore_index=True), resampled)


def labels_of(embeddings: Embeddings, source: str, *, labels: Mapping[str, int], asked: Sequence[int]) -> Sequence[int]:
    """Return the label of each embedded scan, or what was asked of each embedded sample.

    Args:
        source: ``real``, the model's name, or either with an ending such as ``.low``.
        labels, asked: as in :func:`score_classes`.

    Raises:
        MrisynthError: a scan has no label, or labels and samples differ in number.
    """
    if source.split(".")[0] == "real":
        if absent := [scan for scan in embeddings.ids if scan not in labels]:
            raise MrisynthError(
                f"The condition knows no scan {absent[0]} ({len(absent)} of {len(embeddings.ids)} embedded scans "
                "unknown in all); delete its table and run again."
            )
        return [labels[scan] for scan in embeddings.ids]
    if len(asked) != len(embeddings.ids):
        raise MrisynthError(
            f"There are {len(asked)} labels in samples.tsv and features of {len(embeddings.ids)} samples of {source}; "
            "delete the embeddings of the model and run again."
        )
    return asked
