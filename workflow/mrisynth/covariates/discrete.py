"""Binary and categorical covariates given numbers: logistic and multinomial regression."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_WEAKNESS = 100.0
"""Of the penalty: nothing to many rows, and an end to slopes where numbers separate the classes."""
_ROWS_A_FEATURE = 5


@dataclass(frozen=True)
class Discrete:
    """p(class | features) = softmax(features @ coefficients^T + intercepts) over the classes that were seen.

    Attributes:
        classes: [m], numbers of the levels, growing.
        coefficients: [m, f].
        intercepts: [m].
    """

    classes: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray

    @classmethod
    def fit(cls, labels: np.ndarray, features: np.ndarray) -> Discrete:
        """Fit it to labels [n] and features [n, f]; NaN marks what is unknown.

        With fewer than five complete rows a feature, without features, and for one class alone, it is the share of
        each class among the labels, whatever the features.
        """
        seen = ~np.isnan(labels)
        classes, counts = np.unique(labels[seen], return_counts=True)
        width = features.shape[1]
        rows = seen & ~np.isnan(features).any(axis=1)
        enough = rows.sum() >= _ROWS_A_FEATURE * (width + 1) and len(np.unique(labels[rows])) == len(classes)
        if not width or len(classes) < 2 or not enough:
            return cls(classes, np.zeros((len(classes), width)), np.log(counts / counts.sum()))
        from sklearn.exceptions import ConvergenceWarning  # 1 s: only where a model is fitted
        from sklearn.linear_model import LogisticRegression

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=_WEAKNESS, max_iter=1000).fit(features[rows], labels[rows])
        slopes, intercepts = model.coef_, model.intercept_
        if len(classes) == 2:
            slopes, intercepts = np.concatenate([0 * slopes, slopes]), np.concatenate([0 * intercepts, intercepts])
        return cls(classes, slopes, intercepts)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return [..., m] for features [..., f]."""
        logits = features @ self.coefficients.T + self.intercepts
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return shares / shares.sum(axis=-1, keepdims=True)

    def draw(self, features: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return [...], a level for each of the features [..., f]."""
        bounds = np.cumsum(self.probabilities(features), axis=-1)
        level = generator.random(features.shape[:-1])[..., None]
        return self.classes[(level >= bounds).sum(axis=-1).clip(max=len(self.classes) - 1)]

    def likelihood(self, labels: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Return [...], the probability of labels [...]; 0 of a level that was never seen."""
        return (self.probabilities(features) * (labels[..., None] == self.classes)).sum(axis=-1)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        arrays = {name: getattr(self, name).tolist() for name in ("classes", "coefficients", "intercepts")}
        return arrays | {"features": self.coefficients.shape[1]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Discrete:
        """Return what :meth:`to_dict` gave."""
        classes, intercepts = (np.asarray(plain[name], dtype=np.float64) for name in ("classes", "intercepts"))
        slopes = np.asarray(plain["coefficients"], dtype=np.float64).reshape(len(classes), int(plain["features"]))
        return cls(classes, slopes, intercepts)
