"""Separability: how well a linear probe tells the classes of a set apart, in features or in raw pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from mrisynth.errors import MrisynthError
from mrisynth.metrics.classification import Measure, classifier_measures, measure_scores
from mrisynth.metrics.labelled import LabelledSet, rows_of
from mrisynth.metrics.participants import LEAST_PARTICIPANTS, fewest_participants
from mrisynth.metrics.roc import RankedScores, ranked_area, scored_classes
from mrisynth.metrics.table import MISSING, Score, SourceKind, score_table
from mrisynth.metrics.utility import Draw, Task
from mrisynth.metrics.utility_heads import linear_predictions
from mrisynth.seeds import derive_seed, numpy_generator

_SEEDS = 2**32  # what scikit-learn takes


@dataclass(frozen=True, kw_only=True)
class Separability:
    """How well the classes of one set are told apart.

    Attributes:
        rows: int64 [n], the rows of the set that have one of the classes.
        labels: int64 [n], the class of each.
        probabilities: float64 [n, classes], what was said of each row by a probe that had not seen its participant;
            empty where there are too few.
        measures: of :func:`mrisynth.metrics.classification.classifier_measures`.
        chance: float64 [permutations], areas under the ROC curve with the labels of others.
        problem: why there is nothing; empty where there is.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    measures: list[Measure]
    chance: np.ndarray
    problem: str = ""

    @property
    def auc(self) -> Measure:
        """The pooled area under the ROC curve."""
        return self.measures[0]

    @property
    def p_value(self) -> float:
        """How often the labels of others give an area as large, the true ones counted among them."""
        if self.problem or not len(self.chance):
            return MISSING
        return float((1 + (self.chance >= self.auc.value).sum()) / (1 + len(self.chance)))


def labelled_features(
    features: np.ndarray, labels: np.ndarray, participants: Sequence[str], *, classes: Sequence[str], column: str
) -> LabelledSet:
    """Return features [n, d] with the labels of slices as a labelled set that knows no ages.

    Args:
        features: [n, d].
        labels: int64 [n], position in ``classes``; below 0 where it is missing.
        participants: the participant of each; a sample is its own.
        classes: names of the classes.
        column: name of what they are classes of, such as ``diagnosis``.
    """
    words = [classes[label] if label >= 0 else None for label in labels.tolist()]
    ages = np.full(len(labels), np.nan)
    return LabelledSet(features=features, words={column: words}, age=ages, class_age=ages, groups=list(participants))


def pixel_features(images: np.ndarray, *, edge: int = 32) -> np.ndarray:
    """Return slices as features, area averages over at most ``edge`` x ``edge`` blocks, float32 [n, pixels], 0..1.

    Args:
        images: uint8 [n, row, column], or [n, row, column, channel]; read one by one.
        edge: blocks a side; the size is a multiple of it, or smaller and then kept.
    """
    size = images.shape[1]
    block = max(size // edge, 1)
    if images.shape[2] != size or size % block:
        raise MrisynthError(f"Slices of {images.shape[1:]} cannot be averaged to {edge} a side; expected a multiple.")
    kept = size // block
    parts = [np.asarray(image, dtype=np.float32).reshape(kept, block, kept, block, -1) for image in images]
    return np.stack([part.mean(axis=(1, 3)).ravel() / np.float32(255) for part in parts])


def separability(
    labelled: LabelledSet,
    column: str,
    *,
    classes: Sequence[str],
    seed: int,
    folds: int = 5,
    permutations: int = 200,
    refitted: bool = False,
    replicates: int = 1000,
) -> Separability:
    """Return what linear probes say of the class of each row, and how good that is.

    A probe is :func:`mrisynth.metrics.heads.fit_classifier`: standardised features, logistic regression with a ridge
    penalty, chosen on participants that are left out of the probe's own training rows. Each row is judged by the probe
    of the other folds; no participant is in two folds. Answers of all folds are pooled, which lowers the area a little,
    since the scales of the probes differ.

    Chance is what the labels of other participants give: each block of labels moves to another participant, and the
    answers stay as they are or, ``refitted``, are learned anew. The former takes a moment, the latter as long as
    ``permutations`` times everything else; it also knows that a probe of few rows is unlucky as a whole.

    Args:
        labelled: features and classes; the participants of samples are the samples themselves.
        column: what the classes are of.
        classes: names in the order of their numbers; rows of others are left out.
        seed: the study's seed.
        folds: at most; the smallest class has at least one participant a fold.
        permutations: of the labels, for chance.
        refitted: learn each permutation anew.
        replicates: resamples behind the intervals.
    """
    words = labelled.words[column]
    rows = rows_of(words, classes)
    labels = np.array([classes.index(str(words[row])) for row in rows], dtype=np.int64)
    groups = [labelled.groups[row] for row in rows]
    fewest = fewest_participants(labels, groups) if len(np.unique(labels)) == len(classes) else 0
    if fewest < LEAST_PARTICIPANTS:
        problem = f"Not computed: a class has {fewest} participants, {LEAST_PARTICIPANTS} or more are needed."
        missing = Measure(name="auc", value=MISSING, better="higher", n=len(rows), warning=problem)
        none = np.empty((0, len(classes)))
        return Separability(
            rows=rows, labels=labels, probabilities=none, measures=[missing], chance=np.empty(0), problem=problem
        )

    def said(own: np.ndarray, name: str) -> np.ndarray:
        mine = labelled_features(labelled.features[rows], own, groups, classes=classes, column=column)
        return _out_of_fold(mine, column, own, classes=classes, folds=min(folds, fewest), seed=derive_seed(seed, name))

    answers = said(labels, "probe")
    chance = []
    for number, other in enumerate(permuted_labels(labels, groups, seed=seed, permutations=permutations)):
        chances = said(other, f"probe {number}") if refitted else answers
        chance.append(ranked_area(_ranked(chances, other)))
    measures = classifier_measures(answers, labels, groups, classes=classes, seed=seed, replicates=replicates)
    return Separability(
        rows=rows, labels=labels, probabilities=answers, measures=measures, chance=np.array(chance, dtype=np.float64)
    )


def permuted_labels(labels: np.ndarray, groups: Sequence[str], *, seed: int, permutations: int) -> Iterator[np.ndarray]:
    """Yield the labels in other orders, int64 [n]: those of a participant move to another one as a block.

    Where participants have different numbers of rows, a block may end within the rows of one and go on in the next.
    """
    order = np.argsort(np.asarray(groups, dtype=str), kind="stable")
    starts = np.flatnonzero(np.diff(np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1][order])) + 1
    blocks = np.split(labels[order], starts)
    for number in range(permutations):
        generator = numpy_generator(seed, "permuted labels", number)
        other = np.empty_like(labels)
        other[order] = np.concatenate([blocks[block] for block in generator.permutation(len(blocks))])
        yield other


def separability_scores(
    real: LabelledSet,
    samples: LabelledSet,
    column: str,
    *,
    classes: Sequence[str],
    model: str,
    source: SourceKind = "model",
    seed: int,
    equal_numbers: bool = True,
    fields: dict[str, Any],
    **settings: Any,
) -> tuple[pd.DataFrame, dict[str, Separability]]:
    """Return how separable the classes of samples are beside those of real scans, as a table of scores.

    ``separability_{column}_auc`` and the other measures of a probe: of the samples with the value of real scans as the
    floor, neither high nor low being good, as classes may also be told apart too easily; of real scans as a control of
    the name ``real``. ``chance`` is a control too: the mean area with permuted labels of the real scans, its ends the
    2.5th and 97.5th percentile.

    Args:
        real, samples: the sets; a set without one of the classes has missing scores.
        column, classes, seed: as in :func:`separability`.
        model, source: of the scores.
        equal_numbers: draw as many rows of each class from both sets: probes learn more from more.
        fields: further fields of a score: ``features``, ``features_sha256``, ``features_trained``, ``view``,
            ``reference``.
        settings: further ones of :func:`separability`.

    Returns:
        The table in the form of :func:`mrisynth.metrics.table.score_table`, and ``real`` and ``samples`` as they were
        judged, for figures; their ``rows`` count in the sets given.
    """
    sets = {"real": real, "samples": samples}
    if equal_numbers:
        chosen = equal_rows([part.words[column] for part in sets.values()], classes, seed=seed)
        sets = {name: _only(part, column, rows) for (name, part), rows in zip(sets.items(), chosen, strict=True)}
    found = {name: separability(part, column, classes=classes, seed=seed, **settings) for name, part in sets.items()}
    prefix, said = f"separability_{column}", {"seed": seed} | fields
    scores = measure_scores(found["real"].measures, prefix=prefix, model="real", source="control", **said)
    floors = {score.metric: {"floor": score.value} for score in scores}
    for score in measure_scores(found["samples"].measures, prefix=prefix, model=model, source=source, **said):
        scores.append(replace(score, better="neither", **floors.get(score.metric, {})))
    chance = found["real"].chance
    if len(chance):
        low, high = np.percentile(chance, (2.5, 97.5))
        scores.append(
            Score(
                metric=f"{prefix}_auc", model="chance", source="control", value=float(chance.mean()), low=float(low),
                high=float(high), better="higher", n=len(found["real"].rows), **said,
            )
        )  # fmt: skip
    return score_table(scores), found


def equal_rows(words: Sequence[Sequence[str | None]], classes: Sequence[str], *, seed: int) -> list[np.ndarray]:
    """Return rows of several sets, int64 sorted, equally many of each class, drawn by chance from the larger sets.

    A class that a set lacks keeps all of its rows in the others.
    """
    chosen: list[list[np.ndarray]] = [[np.array([], dtype=np.int64)] for _ in words]
    for name in classes:
        rows = [rows_of(part, [name]) for part in words]
        count = min(filter(None, map(len, rows)), default=0)
        for number, mine in enumerate(rows):
            drawn = numpy_generator(seed, "equal rows", number, name).permutation(mine)[:count]
            chosen[number].append(drawn)
    return [np.sort(np.concatenate(parts)) for parts in chosen]


def _only(part: LabelledSet, column: str, rows: np.ndarray) -> LabelledSet:
    """Return a set in which the other rows have no class."""
    kept = set(rows.tolist())
    words = [word if row in kept else None for row, word in enumerate(part.words[column])]
    return replace(part, words={column: words})


def _ranked(chances: np.ndarray, labels: np.ndarray) -> list[RankedScores]:
    return [RankedScores(chances[:, one], labels == one) for one in scored_classes(chances, labels)]


def _out_of_fold(
    labelled: LabelledSet, column: str, labels: np.ndarray, *, classes: Sequence[str], folds: int, seed: int
) -> np.ndarray:
    """Return the probabilities [n, classes] that probes of the other folds give each row."""
    none, answers = np.array([], dtype=np.int64), np.zeros((len(labels), len(classes)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % _SEEDS)
    for kept, left_out in splitter.split(labels, labels, labelled.groups):
        task = Task(name=column, classes=tuple(classes), real=kept, samples=none, test=left_out, missing="one set")
        draw = Draw(real=kept, samples=none)
        answers[left_out] = linear_predictions(
            task, [draw], train=labelled, samples=labelled, test=labelled, seed=seed
        )["real"][0]
    return answers
