"""Gaussian mixtures over several numbers, and their conditional distributions given any part of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from mrisynth.covariates.incomplete import gaussian_of_incomplete

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

_RIDGE = 1e-4
_ROWS_A_COMPONENT = 10
_PATIENCE = 3


@dataclass(frozen=True)
class Conditional:
    """A mixture given the columns of one pattern, made once and used for all rows of that pattern.

    With a component's mean (m_x, m_y) and covariance blocks, x known and y not, the rows have
    p(component | x) ~ weight N(x; m_x, S_xx), mean m_y + S_yx S_xx^-1 (x - m_x), covariance S_yy - S_yx S_xx^-1 S_xy.

    Attributes:
        known: bool [d].
        log_weights: [m], with the constants of the Gaussians of the known columns.
        whitening: [k, m k], and shift [m k]: x @ whitening - shift has N(0, I) under each component.
        regression: [k, m u], and offset [m u]: x @ regression + offset is the mean of the unknown ones.
        spread: [m, u, u], lower Cholesky factors.
    """

    known: np.ndarray
    log_weights: np.ndarray
    whitening: np.ndarray
    shift: np.ndarray
    regression: np.ndarray
    offset: np.ndarray
    spread: np.ndarray

    def log_joint(self, rows: np.ndarray) -> np.ndarray:
        """Return [n, m], log of weight times density of the known columns; rows are [n, k]."""
        if not rows.shape[1]:
            return np.broadcast_to(self.log_weights, (len(rows), len(self.log_weights)))
        white = (rows @ self.whitening - self.shift).reshape(len(rows), len(self.log_weights), -1)
        return self.log_weights - 0.5 * (white * white).sum(axis=2)

    def draw(self, rows: np.ndarray, generator: np.random.Generator, *, candidates: int) -> np.ndarray:
        """Return [candidates, n, u], independent draws of the unknown columns for rows [n, k] of known ones."""
        n, (m, u, _) = len(rows), self.spread.shape
        joint = self.log_joint(rows)
        bounds = np.cumsum(np.exp(joint - joint.max(axis=1, keepdims=True)), axis=1)
        level = generator.random((candidates, n)) * bounds[:, -1]
        chosen = (level[..., None] >= bounds).sum(axis=2).clip(max=m - 1)
        means = (rows @ self.regression + self.offset).reshape(n, m, u)[np.arange(n), chosen]
        noise = generator.standard_normal((candidates, n, u))
        return means + (self.spread[chosen] * noise[..., None, :]).sum(axis=3)


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians with full covariances over d numbers of a scale near one.

    Attributes:
        weights: [m], positive, of sum 1.
        means: [m, d].
        covariances: [m, d, d].
        covariance: ``conditional``, or ``marginal`` for draws around the conditional mean with the component's own
            covariance of the unknown columns, as published: with correlation r all draws have 1 + r^2 of the variance.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    covariance: str = "conditional"
    _made: dict[bytes, Conditional] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def fit(cls, values: np.ndarray, *, components: int, seed: int, covariance: str = "conditional") -> Mixture:
        """Fit a mixture; the Bayesian information criterion chooses the number of components.

        A ridge of 1e-4 keeps covariances positive. A component more is tried for every 10 (d + 1) rows that are
        complete. With fewer complete rows than that it is one Gaussian, fitted to the incomplete rows as well.

        Args:
            values: [n, d], standardised, NaN where unknown; each column with at least one value.
            components: at most.
            seed: of the starting points.
            covariance: of the draws.
        """
        d = values.shape[1]
        complete = values[~np.isnan(values).any(axis=1)]
        most = min(components, len(complete) // (_ROWS_A_COMPONENT * (d + 1)))
        if not d or most < 1:
            mean, spread = gaussian_of_incomplete(values, ridge=_RIDGE)
            return cls(np.ones(1), mean[None], spread[None], covariance)
        best = _chosen(complete, most, seed=seed)
        return cls(best.weights_, best.means_, best.covariances_, covariance)

    def given(self, known: np.ndarray) -> Conditional:
        """Return the conditional distribution for a pattern of known columns, bool [d]."""
        key = known.tobytes()
        if key not in self._made:
            self._made[key] = self._conditional(known)
        return self._made[key]

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Return [n], the log density of the known values of each row [n, d]; 0 where none is known."""
        result = np.zeros(len(values))
        for pattern, rows in patterns(values):
            result[rows] = logsumexp(self.given(pattern).log_joint(values[rows][:, pattern]), axis=1)
        return result

    def draw(self, values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return rows [n, d] in which each NaN is drawn given the known values of its row."""
        filled = values.copy()
        for pattern, rows in patterns(values):
            drawn = self.given(pattern).draw(values[rows][:, pattern], generator, candidates=1)[0]
            filled[np.ix_(rows, ~pattern)] = drawn
        return filled

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        arrays = {name: getattr(self, name).tolist() for name in ("weights", "means", "covariances")}
        return arrays | {"columns": self.means.shape[1], "covariance": self.covariance}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Mixture:
        """Return what :meth:`to_dict` gave."""
        weights, d = np.asarray(plain["weights"], dtype=np.float64), int(plain["columns"])
        means = np.asarray(plain["means"], dtype=np.float64).reshape(len(weights), d)
        covariances = np.asarray(plain["covariances"], dtype=np.float64).reshape(len(weights), d, d)
        return cls(weights, means, covariances, str(plain["covariance"]))

    def _conditional(self, known: np.ndarray) -> Conditional:
        m, k, u = len(self.weights), int(known.sum()), int((~known).sum())
        mean_x, mean_y = self.means[:, known], self.means[:, ~known]
        xx = self.covariances[:, known][:, :, known]
        yx = self.covariances[:, ~known][:, :, known]
        yy = self.covariances[:, ~known][:, :, ~known]
        root = np.linalg.cholesky(xx)
        inverse = np.linalg.inv(root)
        weights = yx @ inverse.transpose(0, 2, 1) @ inverse
        left = yy if self.covariance == "marginal" else yy - weights @ yx.transpose(0, 2, 1)
        half_log_determinant = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        return Conditional(
            known=known.copy(),
            log_weights=np.log(self.weights) - half_log_determinant - 0.5 * k * np.log(2 * np.pi),
            whitening=inverse.transpose(2, 0, 1).reshape(k, m * k),
            shift=(inverse @ mean_x[..., None]).reshape(m * k),
            regression=weights.transpose(2, 0, 1).reshape(k, m * u),
            offset=(mean_y - (weights @ mean_x[..., None])[..., 0]).reshape(m * u),
            spread=np.linalg.cholesky((left + left.transpose(0, 2, 1)) / 2),
        )


def patterns(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each pattern of known columns, bool [d], of a table [n, d], and the numbers of its rows."""
    known = ~np.isnan(values)
    codes = known @ (2.0 ** np.arange(values.shape[1]))
    for code in sorted(set(codes.tolist())):
        rows = np.flatnonzero(codes == code)
        yield known[rows[0]], rows


def _chosen(values: np.ndarray, most: int, *, seed: int) -> GaussianMixture:
    """Return the mixture with the least criterion; three numbers of components in a row without gain end the search."""
    from sklearn.exceptions import ConvergenceWarning  # 1 s: only where a model is fitted
    from sklearn.mixture import GaussianMixture

    best, least, waited = None, np.inf, 0
    for count in range(1, most + 1):
        model = GaussianMixture(
            count, reg_covar=_RIDGE, n_init=2, max_iter=300, tol=1e-4, random_state=seed % 2**32,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            criterion = float(model.fit(values).bic(values))
        if criterion < least:
            best, least, waited = model, criterion, 0
        else:
            waited += 1
        if waited == _PATIENCE:
            break
    return best
