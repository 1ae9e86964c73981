"""Calibration: move the answers of a classifier to where they belong, by scans that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from mrisynth.errors import MrisynthError

_LEAST_CHANCE = float(np.finfo(np.float64).tiny) ** 0.5
_STEEPEST = 100.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """One slope for all log-probabilities and an offset for each class (Guo et al. 2017, between its two scalings).

    Of two classes it is what Platt (1999) does to their log-odds. The order of the scans by the probability of one of
    two classes stays, and with it the area under their ROC curve.

    Attributes:
        classes: names of the classes.
        slope: 0 or more; below 1 where the classifier was too sure.
        offsets: one a class, their sum 0.
        participants: how many of each class it was found with.
    """

    classes: tuple[str, ...]
    slope: float
    offsets: tuple[float, ...]
    participants: tuple[int, ...]

    def applied(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities of [n, classes], float64; each row sums to 1."""
        if probabilities.ndim != 2 or probabilities.shape[1] != len(self.classes):
            raise MrisynthError(f"Found probabilities {probabilities.shape}; expected [n, {len(self.classes)}].")
        return np.exp(log_softmax(self.slope * _logarithms(probabilities) + np.array(self.offsets), axis=1))


def calibrate(
    probabilities: np.ndarray, labels: np.ndarray, participants: Sequence[str], *, classes: Sequence[str]
) -> Calibration | None:
    """Return the calibration with the least cross-entropy, every class weighing the same; None if a class has no scan.

    Targets are not 1 and 0 but (p + 1) / (p + k) and 1 / (p + k), with p the participants of the true class and k the
    number of classes (Platt 1999, for several classes): few participants who are told apart without fault are no
    reason to be sure.

    Args:
        probabilities: [n, classes], each row sums to 1.
        labels: int64 [n], the true class; rows below 0 (missing) are left out.
        participants: the participant of each row.
        classes: names of the classes, two or more.
    """
    known = np.flatnonzero(labels >= 0)
    truth, number = labels[known], len(classes)
    people = [len({participants[row] for row in known if labels[row] == label}) for label in range(number)]
    if min(people) == 0:
        return None
    seen = np.array(people)[truth]
    targets = np.repeat(1.0 / (seen + number), number).reshape(-1, number)
    targets[np.arange(len(truth)), truth] = (seen + 1) / (seen + number)
    weights = (1.0 / np.bincount(truth, minlength=number))[truth, None] / number
    logarithms = _logarithms(probabilities[known])

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        slope, offsets = values[0], values[1:]
        said = log_softmax(slope * logarithms + offsets, axis=1)
        apart = weights * (np.exp(said) - targets)
        gradient = np.concatenate([[(apart * logarithms).sum()], apart.sum(axis=0)])
        return float(-(weights * targets * said).sum()), gradient

    start = np.concatenate([[1.0], np.zeros(number)])
    bounds = [(0.0, _STEEPEST)] + [(None, None)] * number
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    offsets = found.x[1:] - found.x[1:].mean()
    return Calibration(
        classes=tuple(classes),
        slope=float(found.x[0]),
        offsets=tuple(float(value) for value in offsets),
        participants=tuple(people),
    )


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities.astype(np.float64), _LEAST_CHANCE))
