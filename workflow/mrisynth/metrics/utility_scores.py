"""Scores of predictors trained on real, synthetic or both kinds of scans, and the paired differences between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mrisynth.metrics.class_means import Estimate, half_sample_estimate, mean_over_classes
from mrisynth.metrics.labelled import LabelledSet
from mrisynth.metrics.roc import area
from mrisynth.metrics.table import Better
from mrisynth.metrics.utility import ARMS, REVERSE, Draw, Task


@dataclass(frozen=True, kw_only=True)
class Usefulness:
    """One value.

    Attributes:
        metric: its name, such as ``utility_sex_synthetic`` or ``utility_age_both_minus_real``.
        arm: ``real``, ``synthetic``, ``both``, ``difference``, or ``reverse`` (learned from real scans, tested on
            samples).
        better: which values are better.
        estimate: the value.
        real: the value of the arm ``real``, for the arms ``synthetic``, ``both`` and ``reverse``.
        bounds: least and largest possible value.
        n: scans of each kind trained on.
    """

    metric: str
    arm: str
    better: Better
    estimate: Estimate
    real: Estimate | None = None
    bounds: tuple[float, float]
    n: int


@dataclass(frozen=True)
class _Measure:
    """One way to score predictions; ``items`` are [repeats, test rows, ...]."""

    kind: str
    truth: np.ndarray
    classes: Sequence[str]
    groups: Sequence[str]
    seed: int

    @property
    def better(self) -> Better:
        return "lower" if self.kind == "error" else "higher"

    @property
    def top(self) -> float:
        return np.inf if self.kind == "error" else 1.0

    def items(self, predictions: np.ndarray) -> np.ndarray:
        """Return what is averaged: right or wrong, years of error, or for areas the predictions themselves."""
        if self.kind == "error":
            return np.abs(predictions[..., 0] - self.truth)
        return predictions if self.kind == "auc" else (predictions.argmax(axis=2) == self.truth).astype(float)

    def by_repeat(self, items: np.ndarray) -> np.ndarray:
        """Return the value of each repetition."""
        if self.kind == "auc":
            return np.array([area(one, self.truth) for one in items])
        return np.array([mean_over_classes(one, self._strata(), groups=self.groups).value for one in items])

    def estimate(self, items: np.ndarray, minus: np.ndarray | None = None) -> Estimate:
        """Return the mean over repetitions with its error over test participants, or that of a difference."""
        if self.kind == "auc":

            def statistic(rows: np.ndarray) -> float:
                mine, others = (
                    np.mean([area(one[rows], self.truth[rows]) for one in part]) if part is not None else 0.0
                    for part in (items, minus)
                )
                return float(mine - others)

            return half_sample_estimate(statistic, self._strata(), groups=self.groups, seed=self.seed)
        mean = items.mean(axis=0) - (0.0 if minus is None else minus.mean(axis=0))
        extremes = None if self.kind == "error" else (0.0 if minus is None else -1.0, 1.0)
        return mean_over_classes(mean, self._strata(), groups=self.groups, extremes=extremes)

    def _strata(self) -> list[str]:
        if self.kind == "error":
            return ["all"] * len(self.truth)
        return [self.classes[number] for number in self.truth]


def utility_scores(
    task: Task, predictions: Mapping[str, np.ndarray], draws: Sequence[Draw], *, test: LabelledSet, seed: int
) -> list[Usefulness]:
    """Score predictions of the test scans, means over the repetitions, and their paired differences from ``real``.

    Of classes the balanced accuracy and the area under the ROC curve (``_auc``; of several classes the mean of one
    against the rest), of age the mean absolute error in years. Standard errors add two parts. Over test participants:
    :func:`mrisynth.metrics.class_means.mean_over_classes` of items averaged over the repetitions, for areas the
    delete-half jackknife; differences are of the same participants. Over training scans: the delete-d jackknife (Shao
    and Wu 1989), the spread over repetitions of m of N rows times the root of m / (N - m).

    Args:
        task: of :func:`mrisynth.metrics.utility.utility_task`.
        predictions: arm -> [repeats, test rows, classes] probabilities, or [repeats, test rows, 1] years.
        draws: what each repetition was trained on.
        test: the set that the test rows belong to.
        seed: for the halves.
    """
    groups = [test.groups[row] for row in task.test]
    if task.name == "age":
        truth, kinds = test.age[task.test], ["error"]
    else:
        truth = np.array([task.classes.index(str(test.words[task.name][row])) for row in task.test])
        kinds = ["accuracy", "auc"]
    values = []
    for kind in kinds:
        measure = _Measure(kind, truth, task.classes, groups, seed)
        items = {arm: measure.items(predictions[arm]) for arm in ARMS if arm in predictions}
        name = f"utility_{task.name}" + ("_auc" if kind == "auc" else "")
        estimates = {}
        for arm, mine in items.items():
            error = _training_error(measure.by_repeat(mine), arm, task, draws)
            estimates[arm] = measure.estimate(mine).widened(error)
            values.append(
                Usefulness(
                    metric=f"{name}_{arm}", arm=arm, better=measure.better, estimate=estimates[arm],
                    real=None if arm == "real" else estimates["real"], bounds=(0.0, measure.top), n=_number(draws, arm),
                )
            )  # fmt: skip
        for arm in [arm for arm in items if arm != "real"]:
            apart = measure.by_repeat(items[arm]) - measure.by_repeat(items["real"])
            error = _training_error(apart, "both", task, draws)
            values.append(
                Usefulness(
                    metric=f"{name}_{arm}_minus_real", arm="difference", better=measure.better,
                    estimate=measure.estimate(items[arm], minus=items["real"]).widened(error),
                    bounds=(-measure.top, measure.top), n=_number(draws, arm),
                )
            )  # fmt: skip
    return values


def reverse_scores(
    task: Task,
    predictions: np.ndarray,
    draws: Sequence[Draw],
    *,
    samples: LabelledSet,
    forward: Sequence[Usefulness],
    seed: int,
) -> list[Usefulness]:
    """Score what those who learned from real scans predict of samples; no side is better.

    Above what real scans reach, samples are easier to tell apart than real ones: caricatures of their class. Below it
    they do not show their class. Errors are those of :func:`utility_scores`, over samples and over training scans.

    Args:
        task: of :func:`mrisynth.metrics.utility.utility_task`, of classes and with samples that can be learned from.
        predictions: of the heads of the arm ``real``, [repeats, rows of samples, classes].
        draws: what each repetition was trained on.
        samples: the set that the rows belong to.
        forward: of :func:`utility_scores`, whose arm ``real`` is what real scans reach.
        seed: for the halves.
    """
    reached = {found.metric: found.estimate for found in forward if found.arm == "real"}
    turned = replace(task, test=task.samples)
    return [
        replace(
            found,
            metric=f"{found.metric.removesuffix('_real')}_{REVERSE}",
            arm=REVERSE,
            better="neither",
            real=reached[found.metric],
        )
        for found in utility_scores(turned, {"real": predictions}, draws, test=samples, seed=seed)
    ]


def _number(draws: Sequence[Draw], arm: str) -> int:
    return len(draws[0].samples if arm == "synthetic" else draws[0].real)


def _training_error(by_repeat: np.ndarray, arm: str, task: Task, draws: Sequence[Draw]) -> float:
    """Return the standard error over training sets; the larger factor where rows of both kinds were drawn."""
    if len(by_repeat) < 2:
        return float("nan")
    factors = []
    for chosen, rows in zip(draws[0].of(arm), (task.real, task.samples), strict=True):
        if len(chosen):
            factors.append(len(chosen) / max(len(rows) - len(chosen), 1))
    return float(np.std(by_repeat, ddof=1) * np.sqrt(max(factors)))
