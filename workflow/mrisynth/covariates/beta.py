"""A Beta distribution between two bounds, for ages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import betaln

_LEAST = 0.1
"""Of the sum of both shapes: values nearly all at the two bounds have no moments of a Beta."""


@dataclass(frozen=True)
class Beta:
    """low + (high - low) x, x from Beta(one, other).

    Attributes:
        low: least value.
        high: greatest value, above ``low``.
        one: shape at the upper end's side, above 0.
        other: shape at the lower end's side, above 0.
    """

    low: float
    high: float
    one: float
    other: float

    @classmethod
    def fit(cls, values: np.ndarray, *, low: float, high: float) -> Beta:
        """Return the Beta with mean and variance of ``values`` [n] within the bounds (the method of moments)."""
        share = (values - low) / (high - low)
        mean = float(np.clip(share.mean(), 1e-3, 1 - 1e-3))
        total = max(mean * (1 - mean) / max(float(share.var()), 1e-9) - 1, _LEAST)
        return cls(float(low), float(high), mean * total, (1 - mean) * total)

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return independent draws."""
        return self.low + (self.high - self.low) * generator.beta(self.one, self.other, size=shape)

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Return the log density of each value; minus infinity outside the bounds, and of none of them infinite."""
        share = (values - self.low) / (self.high - self.low)
        inside = share.clip(1e-6, 1 - 1e-6)
        density = (self.one - 1) * np.log(inside) + (self.other - 1) * np.log1p(-inside)
        density -= betaln(self.one, self.other) + np.log(self.high - self.low)
        return np.where((share >= 0) & (share <= 1), density, -np.inf)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Beta:
        """Return what :meth:`to_dict` gave."""
        return cls(**{name: float(value) for name, value in plain.items()})
