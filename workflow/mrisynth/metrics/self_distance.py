"""How far two halves of a model's samples are apart in features, beside two halves of real scans, by class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtri, fdtri

from mrisynth.embeddings import Embeddings, feature_spaces
from mrisynth.metrics.class_scores import class_metric, labels_of
from mrisynth.metrics.halves import KINDS, halving_distances, size_of_halves
from mrisynth.metrics.scoring import KNOWS_SENTENCE, REFERENCES, UNTRAINED_SENTENCE, Reals, Source, check_same_features
from mrisynth.metrics.table import Score, score_table

DISTANCES = ("fid", "kid")
SUMMARY_COLUMNS = [
    "features", "view", "reference", "distance", "label", "kind", "n", "halvings", "mean", "low", "high", "sd",
]  # fmt: skip

ALL = "all"
"""The label of the samples and scans of all classes together."""

_FEW = 20
_SMALLEST = 2


@dataclass(frozen=True, kw_only=True)
class SelfDistance:
    """What was found.

    Attributes:
        table: in the form of :func:`mrisynth.metrics.table.score_table`.
        summary: :data:`SUMMARY_COLUMNS`, one row for each feature space, reference, distance (:data:`DISTANCES`), class
            (:data:`ALL` and each by itself) and kind (:data:`mrisynth.metrics.halves.KINDS`): ``n`` in a half,
            ``halvings``, and over these ``mean``, ``low`` and ``high`` (5th and 95th percentile) and ``sd``.
    """

    table: pd.DataFrame
    summary: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class _Sets:
    """Real scans of one split and samples of one class, in one feature space."""

    reference: str
    label: str
    real: Embeddings
    rows: np.ndarray
    participants: list[str]
    training: np.ndarray
    fake: np.ndarray

    @property
    def n(self) -> int:
        return size_of_halves(self.participants, len(self.fake))


def score_self_distance(
    found: Mapping[tuple[str, str], Embeddings], *, model: str, scans: pd.DataFrame, condition: str,
    classes: Sequence[str], labels: Mapping[str, int], asked: Sequence[int], seed: int, draws: int,
    only: str | None = None,
) -> SelfDistance:  # fmt: skip
    """Return how varied samples are by distances between their halves, overall and for every joint class by itself.

    A set is halved by chance ``draws`` times (:func:`mrisynth.metrics.halves.halving_distances`), and all halves of a
    comparison, real or not, hold one number of rows. Samples that repeat themselves are nearer to one another than real
    scans are; equal sets have equal values.

    * ``fid_fake_fake``: the mean over the halvings; ``low`` and ``high``, like the ends of the floor, are their 5th and
      95th percentile.
    * ``kid_fake_fake_sd``: the standard deviation over the halvings, since the mean is 0 for every set; ``low`` and
      ``high`` are its 90 % interval (chi-squared), and in the range of the floor lies, in 90 % of cases, the standard
      deviation of as many halvings of an equal set (F).
    * with a class, ``fid_fake_fake_by_class_sex:f``, likewise: as if the class were all there is.

    The floors are the same of halves of the real scans of the reference, ``test`` or ``train``. Neither side is better:
    above the floor samples vary more than scans do. Ranges say how much one halving moves, and not what other samples
    or scans would give. Where a half would have fewer than two, values are missing.

    Args:
        found: (features, source) -> embeddings; ``real`` and the model's name are used.
        model: name of the model.
        scans: the scans table, with ``scan``, ``participant_id`` and ``split``.
        condition: name of the model's condition, with the round of clusters (``clusters.0``).
        classes: names of the joint classes, in the order of their labels; empty for an unconditional model.
        labels: scan -> label, as in :mod:`mrisynth.labels`; not used without classes.
        asked: label of each sample; not used without classes.
        seed: the study's seed.
        draws: halvings.
        only: the class that a model of one class is of: it alone is scored, and named as the class of any other model.

    Raises:
        MrisynthError: samples and scans were embedded by different networks, an embedded scan has no split or label, or
            labels and samples differ in number.
    """
    scores, summary = [], []
    for space in feature_spaces(found):
        real, fake = found[space, "real"], found[space, model]
        check_same_features(real, [Source(model, "model", fake)])
        for label, *rows in _rows(real, fake, model, classes=classes, labels=labels, asked=asked):
            if only not in (None, label):
                continue
            mine = Reals.of(real.taken(rows[0]), scans)
            for sets in _sets(mine, fake.features[rows[1]], label):
                for name in DISTANCES:
                    values = halving_distances(
                        name, sets.rows, sets.fake, participants=sets.participants, training=sets.training, seed=seed,
                        entity=sets.reference, draws=draws,
                    )  # fmt: skip
                    scores.append(_score(name, sets, values, model=model, condition=condition, seed=seed))
                    summary += _summary(name, sets, values)
    return SelfDistance(table=score_table(scores), summary=pd.DataFrame(summary, columns=SUMMARY_COLUMNS))


def _rows(
    real: Embeddings, fake: Embeddings, model: str, *, classes: Sequence[str], labels: Mapping[str, int],
    asked: Sequence[int],
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:  # fmt: skip
    """Yield the rows of scans and of samples of all classes together, then of each."""
    yield ALL, np.arange(len(real.ids)), np.arange(len(fake.ids))
    if classes:
        told, wanted = (
            np.asarray(labels_of(embeddings, source, labels=labels, asked=asked))
            for embeddings, source in ((real, "real"), (fake, model))
        )
        for number, label in enumerate(classes):
            yield label, np.flatnonzero(told == number), np.flatnonzero(wanted == number)


def _sets(mine: Reals, fake: np.ndarray, label: str) -> Iterator[_Sets]:
    training = mine.embeddings.rows(mine.scans_of("train"))
    for reference in REFERENCES:
        names = mine.scans_of(reference)
        yield _Sets(
            reference=reference, label=label, real=mine.embeddings, rows=mine.embeddings.rows(names),
            participants=[mine.participants[name] for name in names], training=training, fake=fake,
        )  # fmt: skip


def _score(name: str, sets: _Sets, values: np.ndarray, *, model: str, condition: str, seed: int) -> Score:
    meta = sets.real.meta
    value = f"{name}_fake_fake" if name == "fid" else f"{name}_fake_fake_sd"
    numbers = {"value": float("nan")}
    if len(values) > (name == "kid"):  # one halving has a mean and no spread
        of_real, of_fake = (
            _ends(name, values[:, KINDS.index(kind)], of_real=kind == "real_real")
            for kind in ("real_real", "fake_fake")
        )
        names = ("value", "low", "high", "floor", "floor_low", "floor_high")
        numbers = dict(zip(names, of_fake + of_real, strict=True))
    return Score(
        metric=value if sets.label == ALL else class_metric(value, condition=condition, label=sets.label), model=model,
        source="model", features=meta["features"], features_sha256=meta["weights_sha256"],
        features_trained=meta["trained"], view=str(meta["view"]), reference=sets.reference, better="neither", n=sets.n,
        seed=seed, warning=_warning(sets, len(values)), **numbers,
    )  # fmt: skip


def _ends(name: str, values: np.ndarray, *, of_real: bool) -> tuple[float, float, float]:
    """Return what is told of the values of some halvings, and its range."""
    if name == "fid":
        return float(values.mean()), *map(float, np.percentile(values, (5, 95)))
    spread, freedom = float(values.std(ddof=1)), len(values) - 1
    ends = fdtri(freedom, freedom, [0.05, 0.95]) if of_real else freedom / chdtri(freedom, [0.05, 0.95])
    return spread, *map(float, spread * np.sqrt(ends))


def _summary(name: str, sets: _Sets, values: np.ndarray) -> Iterator[dict[str, object]]:
    missing = np.full(len(KINDS), np.nan)
    mean = values.mean(axis=0) if len(values) else missing
    low, high = np.percentile(values, (5, 95), axis=0) if len(values) else (missing, missing)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else missing
    meta = sets.real.meta
    for column, kind in enumerate(KINDS):
        numbers = {"mean": mean[column], "low": low[column], "high": high[column], "sd": spread[column]}
        yield {
            "features": meta["features"], "view": str(meta["view"]), "reference": sets.reference, "distance": name,
            "label": sets.label, "kind": kind, "n": sets.n, "halvings": len(values), **numbers,
        }  # fmt: skip


def _warning(sets: _Sets, halvings: int) -> str:
    sentences = []
    if sets.n < _SMALLEST:
        sentences.append(
            f"Not computed: {sets.n} in a half (participants of the reference {len(set(sets.participants))}, samples "
            f"{len(sets.fake)}), {_SMALLEST} or more are needed."
        )
    elif sets.n < _FEW:
        sentences.append(f"Only {sets.n} in a half, {_FEW} or more are recommended.")
    if halvings == 1:
        sentences.append("One halving has no spread; set evaluation.floor_draws to 2 or more.")
    if not sets.real.meta["trained"]:
        sentences.append(UNTRAINED_SENTENCE)
    if sets.real.knows_training_scans:
        sentences.append(KNOWS_SENTENCE)
    return " ".join(sentences)
