"""Linear heads on frozen features: what they say of a scan is read off by the simplest model that can."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from mrisynth.metrics.features import check_features, standardised

PENALTIES = tuple(10.0**power for power in range(-3, 4))
"""Weights of the squared norm of the coefficients, weakest first, for rows of mean squared length 1."""

_FOLDS = 5
_LEFT_OUT, _MOST_REPEATS = 200, 3  # folds are drawn anew until so many rows were left out, but not more often
_SEEDS = 2**32  # what scikit-learn takes


@dataclass(frozen=True)
class LinearHead:
    """A fitted head.

    Attributes:
        classes: names of the outputs; one empty name for a number.
        trained_on: [n, d], the features that others are standardised by.
        coefficients: [d, outputs], of standardised features divided by the root of d.
        intercepts: [outputs].
        penalty: the penalty that was chosen.
    """

    classes: list[str]
    trained_on: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    penalty: float

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the linear outputs [n, outputs] of features [n, d]."""
        scaled = standardised(features, self.trained_on) / np.sqrt(features.shape[1])
        return scaled @ self.coefficients + self.intercepts

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return the probability of each class [n, classes]."""
        scores = self.scores(features)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def numbers(self, features: np.ndarray) -> np.ndarray:
        """Return the predicted number of each row [n]."""
        return self.scores(features)[:, 0]


def fit_classifier(
    features: np.ndarray, words: Sequence[str], *, groups: Sequence[str], seed: int, penalty: float | None = None
) -> LinearHead:
    """Fit multinomial logistic regression with a ridge penalty; every class counts alike, however many rows it has.

    Features are standardised by themselves. The penalty is the one of :data:`PENALTIES` with the least cross-entropy
    on rows of participants that were left out (five folds, or as many as the smallest class has participants; the
    middle one where that is fewer than two). The fit is done in the space that the rows span, which changes nothing:
    a ridge penalty keeps coefficients in it.

    Args:
        features: [n, d], finite.
        words: class of each row; two or more different ones.
        groups: participant of each row.
        seed: for the folds.
        penalty: a penalty that is known already; None chooses it.
    """
    classes = sorted(set(words))
    labels = np.array([classes.index(word) for word in words])
    rows, back = _in_their_span(features)
    people = min(len({group for group, word in zip(groups, words, strict=True) if word == name}) for name in classes)
    folds = min(_FOLDS, people)
    weights = len(labels) / (len(classes) * np.bincount(labels)[labels])

    def misfit(kept: np.ndarray, left_out: np.ndarray, penalty: float) -> float:
        if len(set(labels[kept])) < len(classes):
            return float("nan")
        model = _logistic(rows[kept], labels[kept], penalty)
        chances = model.predict_proba(rows[left_out])[np.arange(len(left_out)), labels[left_out]]
        return float(-(weights[left_out] * np.log(np.maximum(chances, 1e-12))).sum())

    if penalty is None:
        penalty = _best_penalty(misfit, _folds(StratifiedGroupKFold, folds, rows, labels, groups, seed))
    model = _logistic(rows, labels, penalty)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(classes) == 2:  # scikit-learn keeps the second class alone
        coefficients, intercepts = (
            np.vstack([-coefficients, coefficients]) / 2,
            np.hstack([-intercepts, intercepts]) / 2,
        )
    return LinearHead(classes, features, back @ coefficients.T, intercepts, penalty)


def fit_regressor(
    features: np.ndarray, numbers: np.ndarray, *, groups: Sequence[str], seed: int, penalty: float | None = None
) -> LinearHead:
    """Fit ridge regression of a number; standardisation, folds and penalty as in :func:`fit_classifier`.

    Args:
        features: [n, d], finite.
        numbers: [n], finite.
        groups: participant of each row.
        seed: for the folds.
        penalty: a penalty that is known already; None chooses it.
    """
    rows, back = _in_their_span(features)
    folds = min(_FOLDS, len(set(groups)))

    def misfit(kept: np.ndarray, left_out: np.ndarray, penalty: float) -> float:
        model = Ridge(penalty).fit(rows[kept], numbers[kept])
        return float(((model.predict(rows[left_out]) - numbers[left_out]) ** 2).sum())

    if penalty is None:
        penalty = _best_penalty(misfit, _folds(GroupKFold, folds, rows, numbers, groups, seed))
    model = Ridge(penalty).fit(rows, numbers)
    return LinearHead([""], features, (back @ model.coef_)[:, None], np.array([model.intercept_]), penalty)


def _in_their_span(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised rows of mean squared length 1 in coordinates [n, r] of their span, and its axes [d, r]."""
    check_features(features, "training", rows=2)
    scaled = standardised(features, features) / np.sqrt(features.shape[1])
    count, width = scaled.shape
    if width <= count:
        return scaled, np.eye(width)
    values, vectors = np.linalg.eigh(scaled @ scaled.T)
    kept = values > 1e-10 * max(values[-1], 1e-300)
    lengths = np.sqrt(values[kept])
    return vectors[:, kept] * lengths, scaled.T @ (vectors[:, kept] / lengths)


def _logistic(rows: np.ndarray, labels: np.ndarray, penalty: float) -> LogisticRegression:
    model = LogisticRegression(C=1.0 / penalty, class_weight="balanced", max_iter=1000, tol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # at the weakest penalties of separable classes
        return model.fit(rows, labels)


def _folds(
    kind: type[GroupKFold] | type[StratifiedGroupKFold],
    folds: int,
    rows: np.ndarray,
    truth: np.ndarray,
    groups: Sequence[str],
    seed: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (kept, left out) rows; of few rows several times, so that the choice hangs less on one division."""
    for number in range(min(_MOST_REPEATS, max(1, _LEFT_OUT // len(rows))) if folds > 1 else 0):
        splitter = kind(folds, shuffle=True, random_state=(seed + number) % _SEEDS)
        yield from splitter.split(rows, truth, groups)


def _best_penalty(
    misfit: Callable[[np.ndarray, np.ndarray, float], float], folds: Iterator[tuple[np.ndarray, np.ndarray]]
) -> float:
    losses = np.array([[misfit(kept, left_out, penalty) for penalty in PENALTIES] for kept, left_out in folds])
    usable = losses[np.isfinite(losses).all(axis=1)] if len(losses) else losses
    if not len(usable):
        return PENALTIES[len(PENALTIES) // 2]
    return PENALTIES[int(np.argmin(usable.sum(axis=0)))]
