"""Ages that a reader trained on real scans reads off samples, against the ages of the classes that were asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrisynth.metrics.class_means import Estimate, half_sample_estimate, mean_over_classes
from mrisynth.metrics.heads import LinearHead, fit_regressor
from mrisynth.metrics.labelled import LabelledSet
from mrisynth.metrics.readings import Reading, reader_errors

LEAST_AGES = 10
"""Scans with an age that a reader of ages needs."""

ERROR, SLOPE = "condition_age_error", "condition_age_slope"

_TOO_FEW = "fewer than two classes of known age"


def read_ages(learned: LabelledSet, unseen: LabelledSet, samples: LabelledSet, *, seed: int) -> list[Reading]:
    """Return the mean distance in years from the asked age and the slope over it.

    They are described in :func:`mrisynth.metrics.condition_fidelity.condition_fidelity`.
    """
    known = np.flatnonzero(np.isfinite(learned.age))
    better = {ERROR: "lower", SLOPE: "neither"}
    asked = {"samples": _Asked.of(samples), "real": _Asked.of(unseen)}
    gap = f"{_TOO_FEW} among the samples" if asked["samples"] is None else ""
    if len(known) < LEAST_AGES:
        gap = f"{len(known)} scans to learn from have an age, {LEAST_AGES} are needed"
    if gap:
        return [Reading(metric=metric, better=side, warning=f"Not computed: {gap}.") for metric, side in better.items()]
    features, ages = np.asarray(learned.features)[known], learned.age[known]
    groups = [learned.groups[row] for row in known]

    def fit(rows: np.ndarray, penalty: float | None = None) -> LinearHead:
        mine = [groups[row] for row in rows]
        return fit_regressor(features[rows], ages[rows], groups=mine, seed=seed, penalty=penalty)

    head = fit(np.arange(len(known)))
    parts = {source: part for source, part in asked.items() if part is not None}
    values = [lambda other, part=part, name=name: part.value(name, other) for part in parts.values() for name in better]
    errors = reader_errors(
        fit, values, classes=["all"] * len(known), groups=groups, penalty=head.penalty, seed=seed,
    ).reshape(len(parts), len(better))  # fmt: skip
    found = []
    unread = "" if "real" in parts else f"There are {_TOO_FEW} among real scans that the reader has not seen."
    for column, metric in enumerate(better):
        read = {
            source: part.estimate(metric, head, seed=seed).widened(float(errors[row, column]))
            for row, (source, part) in enumerate(parts.items())
        }
        blind = float(np.abs(parts["samples"].age - ages.mean()).mean()) if metric == ERROR else 0.0
        found.append(
            Reading(
                metric=metric, better=better[metric], n=len(parts["samples"].age), samples=read["samples"],
                real=read.get("real"), chance=blind, bounds=(0.0 if metric == ERROR else -np.inf, np.inf),
                warning=unread,
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class _Asked:
    """Rows of a set that have a class of known age."""

    features: np.ndarray
    age: np.ndarray
    groups: list[str]

    @classmethod
    def of(cls, labelled: LabelledSet) -> _Asked | None:
        rows = np.flatnonzero(np.isfinite(labelled.class_age))
        age = labelled.class_age[rows]
        if len(set(age)) < 2:
            return None
        return cls(np.asarray(labelled.features)[rows], age, [labelled.groups[row] for row in rows])

    def value(self, metric: str, head: LinearHead) -> float:
        read = head.numbers(self.features)
        return float(np.abs(read - self.age).mean()) if metric == ERROR else _slope(read, self.age)

    def estimate(self, metric: str, head: LinearHead, *, seed: int) -> Estimate:
        read = head.numbers(self.features)
        if metric == ERROR:
            return mean_over_classes(np.abs(read - self.age), ["all"] * len(read), groups=self.groups)
        classes = [f"{age:.6f}" for age in self.age]
        return half_sample_estimate(
            lambda rows: _slope(read[rows], self.age[rows]), classes, groups=self.groups, seed=seed
        )


def _slope(read: np.ndarray, asked: np.ndarray) -> float:
    centred = asked - asked.mean()
    return float(centred @ read / (centred @ centred))
