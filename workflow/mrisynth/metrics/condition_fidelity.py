"""Condition fidelity: a reader trained on real scans alone reads off samples what the model was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mrisynth.metrics.age_fidelity import read_ages
from mrisynth.metrics.class_means import Estimate, mean_over_classes
from mrisynth.metrics.heads import LinearHead, fit_classifier
from mrisynth.metrics.labelled import LabelledSet, Words, rows_of, well_known
from mrisynth.metrics.readings import Fidelity, Reading, reader_errors

LEAST_PARTICIPANTS = 3
"""A class of fewer participants cannot be learned to read and is left out."""


def condition_fidelity(
    *, learned: LabelledSet, unseen: LabelledSet, samples: LabelledSet, columns: Sequence[str], seed: int
) -> Fidelity:
    """Read the condition back from samples in one feature space (GAN-test: Shmelkov et al. 2018, arXiv 1807.09499).

    A model may repeat its training scans with their labels, and a reader that learned from the same scans then reads
    even a label that means nothing. Who learned from scans that the model has never seen does not fall for that.

    * ``condition_accuracy``: balanced accuracy of the joint class, and ``condition_accuracy_{column}`` of each column
      where there are several. The reader is :func:`mrisynth.metrics.heads.fit_classifier`; chance is 1 / classes.
      Classes of fewer than :data:`LEAST_PARTICIPANTS` participants are left out of training and reading.
    * ``condition_age_error`` and ``condition_age_slope`` where the classes have ages: a ridge regression predicts the
      age of each sample; the mean distance in years from the mean age of the class that was asked for, and the slope of
      the predicted over that age (1 is what was asked for; chance: the distance of the mean age of all, and 0). Real
      scans are read in the same way, so that their slope says how much the reader itself flattens.

    Standard errors add two parts: over samples or participants (accuracies as in
    :func:`mrisynth.metrics.class_means.mean_over_classes`, errors by the normal approximation, slopes by the
    delete-half jackknife), and of the reader, by the delete-half jackknife over the participants it learned from.

    Args:
        learned: real scans that the reader learns from.
        unseen: other real scans, to see how well it reads.
        samples: synthetic scans with the asked values.
        columns: columns of the condition, in order.
        seed: for the folds and halves.
    """
    found = Fidelity()
    sets = (learned, unseen, samples)
    _read_classes(found, "condition_accuracy", "all", [part.joint(columns) for part in sets], sets, seed)
    for column in columns if len(columns) > 1 else ():
        _read_classes(found, f"condition_accuracy_{column}", column, [part.words[column] for part in sets], sets, seed)
    if np.isfinite(samples.class_age).any():
        found.readings += read_ages(learned, unseen, samples, seed=seed)
    return found


@dataclass(frozen=True)
class _Part:
    """Rows of a set that are read, with what should be read and their participants."""

    features: np.ndarray
    truth: list[str]
    groups: list[str]

    @classmethod
    def of(cls, labelled: LabelledSet, words: Words, rows: np.ndarray) -> _Part:
        truth = [str(words[row]) for row in rows]
        return cls(np.asarray(labelled.features)[rows], truth, [labelled.groups[row] for row in rows])

    def estimate(self, head: LinearHead) -> Estimate:
        right = np.array(self.read(head)) == np.array(self.truth)
        return mean_over_classes(right.astype(float), self.truth, groups=self.groups, extremes=(0.0, 1.0))

    def read(self, head: LinearHead) -> list[str]:
        return [head.classes[number] for number in head.probabilities(self.features).argmax(axis=1)]


def _read_classes(
    found: Fidelity, metric: str, column: str, words: Sequence[Words], sets: Sequence[LabelledSet], seed: int
) -> None:
    known = well_known(words[0], sets[0].groups, participants=LEAST_PARTICIPANTS)
    learned, unseen, samples = (_Part.of(part, own, rows_of(own, known)) for part, own in zip(sets, words, strict=True))
    left_out = sorted({word for part in (words[0], words[2]) for word in part if word is not None} - set(known))
    sentences = []
    if left_out:
        sentences.append(
            f"Left out, fewer than {LEAST_PARTICIPANTS} participants to learn from: {', '.join(left_out)}."
        )
    gap = "" if samples.truth else "no sample has a class that can be read"
    if len(known) < 2:
        gap = f"{len(known)} classes have {LEAST_PARTICIPANTS} or more participants to learn from, 2 are needed"
    if gap:
        warning = " ".join([f"Not computed: {gap}.", *sentences])
        found.readings.append(Reading(metric=metric, better="higher", warning=warning))
        return

    def fit(rows: np.ndarray, penalty: float | None = None) -> LinearHead:
        mine, groups = [learned.truth[row] for row in rows], [learned.groups[row] for row in rows]
        return fit_classifier(learned.features[rows], mine, groups=groups, seed=seed, penalty=penalty)

    head = fit(np.arange(len(learned.truth)))
    parts = [part for part in (samples, unseen) if part.truth]
    errors = reader_errors(
        fit,
        [lambda other, part=part: part.estimate(other).value for part in parts],
        classes=learned.truth, groups=learned.groups, penalty=head.penalty, seed=seed,
    )  # fmt: skip
    estimates = [part.estimate(head).widened(error) for part, error in zip(parts, errors, strict=True)]
    for source, part in (("samples", samples), ("real", unseen)):
        found.confusion += _confusion(column, source, part.truth, part.read(head) if part.truth else [], known)
        if absent := sorted(set(known) - set(part.truth)):
            sentences.append(f"No {source.rstrip('s')} of: {', '.join(absent)}.")
    reading = Reading(
        metric=metric, better="higher", n=len(samples.truth), samples=estimates[0],
        real=estimates[1] if len(estimates) > 1 else None, chance=1 / len(known),
    )  # fmt: skip
    found.readings.append(replace(reading, warning=" ".join(sentences + _judged(reading))))


def _judged(reading: Reading) -> list[str]:
    """Return what the accuracy of real scans says of the reader, and of samples that are read better than those."""
    if reading.real is None or reading.samples is None:
        return ["There is no real scan that the reader has not seen."]
    if not reading.real.ends()[0] > reading.chance:
        return ["The reader does not read real scans better than chance."]
    if reading.samples.ends()[0] > reading.real.ends()[1]:
        return ["Samples are read better than real scans."]
    return []


def _confusion(
    column: str, source: str, truth: Sequence[str], read: Sequence[str], classes: Sequence[str]
) -> list[dict[str, object]]:
    rows = []
    for asked in classes:
        answers = [word for word, own in zip(read, truth, strict=True) if own == asked]
        for word in classes:
            share = answers.count(word) / len(answers) if answers else float("nan")
            rows.append(
                {"column": column, "source": source, "asked": asked, "read": word}
                | {"count": answers.count(word), "share": share}
            )
    return rows
