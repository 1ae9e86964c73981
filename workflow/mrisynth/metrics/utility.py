"""Utility: what a predictor learns from synthetic scans, real ones or both, tested on held-out real scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.metrics.labelled import LabelledSet, rows_of, well_known
from mrisynth.seeds import numpy_generator

ARMS = ("real", "synthetic", "both")
REVERSE = "reverse"
"""In place of an arm: who learned from real scans is tested on samples."""

SHARE = 0.8
"""Share of the scans that each repetition is trained on."""

LEAST_TRAINING, LEAST_TEST = 10, 4
"""Fewest training scans, and fewest test participants (of each class)."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is predicted, with the rows that can be used.

    Attributes:
        name: ``age``, or a column such as ``sex``.
        classes: names of the classes; empty for a number.
        real, samples, test: rows of the three sets whose value is known.
        problem: why real scans cannot be learned from or tested on; empty where they can.
        missing: why samples cannot be learned from; empty where they can.
        warning: what a reader must know of the values.
    """

    name: str
    classes: tuple[str, ...] = ()
    real: np.ndarray
    samples: np.ndarray
    test: np.ndarray
    problem: str = ""
    missing: str = ""
    warning: str = ""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Rows of one repetition: of the real training scans and of the samples."""

    real: np.ndarray
    samples: np.ndarray

    def of(self, arm: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of real scans and of samples that an arm is trained on."""
        none = np.array([], dtype=np.int64)
        return (self.real if arm != "synthetic" else none, self.samples if arm != "real" else none)

    def labels(self, task: Task, arm: str, *, train: LabelledSet, samples: LabelledSet) -> np.ndarray:
        """Return what an arm learns of its real scans and then of its samples: ages, float64, or numbers of classes."""
        sides = list(zip(self.of(arm), (train, samples), strict=True))
        if task.name == "age":
            return np.concatenate([labelled.age[rows] for rows, labelled in sides])
        words = [labelled.words[task.name][row] for rows, labelled in sides for row in rows]
        return np.array([task.classes.index(str(word)) for word in words], dtype=np.int64)


def utility_task(name: str, *, train: LabelledSet, samples: LabelledSet, test: LabelledSet) -> Task:
    """Find the rows with a known value, and say in words what is missing.

    Ages of samples are the mean training ages of the classes that they were drawn with. Classes need three
    participants in training and :data:`LEAST_TEST` in the test split, others are left out.
    """
    if name == "age":
        rows = [np.flatnonzero(np.isfinite(labelled.age)) for labelled in (train, samples, test)]
        classes: list[str] = []
        enough = len({test.groups[row] for row in rows[2]}) >= LEAST_TEST
        warning = ""
    else:
        words = [labelled.words.get(name, [None] * len(labelled.groups)) for labelled in (train, samples, test)]
        tested = well_known(words[2], test.groups, participants=LEAST_TEST)
        classes = [word for word in well_known(words[0], train.groups, participants=3) if word in tested]
        rows = [rows_of(part, classes) for part in words]
        enough = len(classes) > 1
        left_out = sorted({word for word in words[0] if word is not None} - set(classes))
        warning = f"Left out, too few scans: {', '.join(left_out)}." if left_out and enough else ""
    problem = ""
    if len(rows[0]) < LEAST_TRAINING or not enough:
        problem = (
            f"Not computed: {len(rows[0])} training and {len(rows[2])} test scans with a usable {name}; "
            f"{LEAST_TRAINING} are needed, and {LEAST_TEST} test participants"
            + (", of each of two classes." if name != "age" else ".")
        )
    return Task(
        name=name, classes=tuple(classes), real=rows[0], samples=rows[1], test=rows[2], problem=problem,
        missing=_missing(name, samples, rows[1], classes), warning=warning,
    )  # fmt: skip


def draw_rows(
    task: Task, *, real_groups: Sequence[str], samples_in_all: int, equal_numbers: bool, repeats: int, seed: int
) -> list[Draw]:
    """Draw what each repetition is trained on, without replacement; real scans by participant.

    Each draw takes :data:`SHARE` of the rows; with ``equal_numbers``, of as many rows as the smaller of both sets has,
    so that real and synthetic arms see equal numbers and the arm ``both`` twice as many. The draws of real scans depend
    on seed and target alone: models with as many samples are compared with the same real arms.
    """
    smaller = min(len(task.real), samples_in_all) if equal_numbers else len(task.real)
    people, draws = sorted(set(real_groups)), []
    for number in range(repeats):
        order = numpy_generator(seed, "utility real", task.name, number).permutation(len(people))
        place = {people[person]: rank for rank, person in enumerate(order)}
        real = sorted(task.real, key=lambda row: (place[real_groups[row]], row))[: round(SHARE * smaller)]
        generator = numpy_generator(seed, "utility samples", task.name, number)
        wanted = len(real) if equal_numbers else round(SHARE * len(task.samples))
        chosen = generator.permutation(len(task.samples))[: min(wanted, len(task.samples))]
        draws.append(Draw(real=np.sort(np.array(real, dtype=np.int64)), samples=task.samples[np.sort(chosen)]))
    return draws


def plan_utility(
    targets: Sequence[str],
    *,
    train: LabelledSet,
    samples: LabelledSet,
    test: LabelledSet,
    equal_numbers: bool,
    repeats: int,
    seed: int,
) -> list[tuple[Task, list[Draw]]]:
    """Return what is predicted and what each repetition is trained on; nothing for a task with a problem.

    Args:
        targets: ``age`` or columns of the sets.
        train, samples, test: the sets.
        equal_numbers, repeats, seed: as in :func:`draw_rows`.
    """
    plans = []
    for target in targets:
        task = utility_task(target, train=train, samples=samples, test=test)
        draws = []
        if not task.problem:
            draws = draw_rows(
                task, real_groups=train.groups, samples_in_all=len(samples.groups), equal_numbers=equal_numbers,
                repeats=repeats, seed=seed,
            )  # fmt: skip
        plans.append((task, draws))
    return plans


def _missing(name: str, samples: LabelledSet, rows: np.ndarray, classes: Sequence[str]) -> str:
    if not len(rows):
        return f"Not computed: what the samples were drawn with does not say their {name}."
    if len(rows) < LEAST_TRAINING:
        return f"Not computed: {len(rows)} samples have a known {name}, {LEAST_TRAINING} are needed."
    values = {samples.words[name][row] for row in rows} if classes else set(samples.age[rows])
    return "" if len(values) > 1 else f"Not computed: all {len(rows)} samples have one {name}."
