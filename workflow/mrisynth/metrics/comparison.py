"""The metrics of two sets of features behind one interface, prepared once so that subsets are cheap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.clipped import DensityCoverageComparison
from mrisynth.metrics.frechet import FrechetComparison
from mrisynth.metrics.kernel import KernelComparison
from mrisynth.metrics.manifold import PrecisionRecallComparison


@dataclass(frozen=True)
class Value:
    """One number of a metric.

    Attributes:
        name: of the number, such as ``recall``.
        better: which numbers are better.
        lowest, highest: what it cannot go beyond, by definition; None for no such bound. They clip intervals.
    """

    name: str
    better: Literal["lower", "higher"]
    lowest: float | None
    highest: float | None


class Comparison(Protocol):
    """Two sets of features that were prepared once (kernels, distances), so that subsets of them are cheap.

    Attributes:
        smallest: fewest rows of a set, also of a subset.
    """

    smallest: int

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        """Return the numbers of the metric, one for each of its values, of these rows of each set; None for all."""
        ...


@runtime_checkable
class SmoothComparison(Comparison, Protocol):
    """A comparison of which numbers move smoothly with the weight of each row.

    Attributes:
        half_weights: for each number the weight of the variance by halves of the rows; the rest is by influences.
    """

    half_weights: tuple[float, ...]

    def influences(
        self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return how the numbers move with each row, [n, values] and [m, values].

        The sum of their squares over both sets is the variance of a number; 0 where all of its weight is on halves.
        """
        ...


@dataclass(frozen=True)
class Metric:
    """A metric of two sets of features.

    Attributes:
        name: as in the configuration.
        values: what it returns, in this order.
        smallest: fewest rows a set.
        between: makes the comparison of real features [n, d] and synthetic ones [m, d]; refuses fewer than ``smallest``
            rows, different widths, and values that are not finite.
    """

    name: str
    values: tuple[Value, ...]
    smallest: int
    between: Callable[[np.ndarray, np.ndarray], Comparison]


METRICS = ("fid", "kid", "precision_recall", "density_coverage")


def metric(name: str, *, k: int = 3) -> Metric:
    """Return a metric by its name in the configuration.

    Args:
        name: one of :data:`METRICS`.
        k: neighbours of those that have some.

    Raises:
        MrisynthError: the name is unknown, or k is below 1.
    """
    if name == "fid":
        return Metric(name, (Value("fid", "lower", 0.0, None),), 2, FrechetComparison)
    if name == "kid":
        return Metric(name, (Value("kid", "lower", None, None),), 2, KernelComparison)
    if k < 1:
        raise MrisynthError(f"The metric {name} needs k of 1 or more neighbours, found {k}.")
    if name == "precision_recall":
        values = tuple(Value(part, "higher", 0.0, 1.0) for part in ("precision", "recall"))
        return Metric(name, values, k + 1, lambda real, synthetic: PrecisionRecallComparison(real, synthetic, k=k))
    if name == "density_coverage":
        values = (
            Value("density", "higher", 0.0, None),
            *(Value(part, "higher", 0.0, 1.0) for part in ("coverage", "clipped_density", "clipped_coverage")),
        )
        return Metric(name, values, k + 1, lambda real, synthetic: DensityCoverageComparison(real, synthetic, k=k))
    raise MrisynthError(f"The metric {name!r} is unknown, expected one of {', '.join(METRICS)}.")
