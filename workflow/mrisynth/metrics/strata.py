"""Strata of real images: thirds of the chosen covariates, and which reals are drawn from each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.seeds import numpy_generator

THIRDS = 3
LEAST_REALS = 5
"""Real images below which a stratum is skipped."""


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """The real images whose covariates lie in one third each, and those that are drawn of them.

    Attributes:
        thirds: of each covariate, 0 (lowest) to 2.
        bounds: of each covariate, lowest and highest value in real units; values above the lower bound, the lowest
            third with it, up to the upper one are in it.
        reals: int64, rows of the real images.
        drawn: int64 [num_samples], rows of the real images, with replacement; one fake is made for each.
    """

    thirds: tuple[int, ...]
    bounds: tuple[tuple[float, float], ...]
    reals: np.ndarray
    drawn: np.ndarray


@dataclass(frozen=True, kw_only=True)
class StrataPlan:
    """Which fakes are to be made for the strata prediction score.

    Attributes:
        covariates: that the strata are of.
        strata: with :data:`LEAST_REALS` real images or more, the first covariate changing slowest.
        skipped: one row a stratum that has fewer: ``{covariate}_min``, ``{covariate}_max``, ``reals``.
        unplaced: real images in which a covariate is unknown; they are in no stratum.
        unbalanced: strata in which a source has no real image, so that the others stand in for it.
    """

    covariates: tuple[str, ...]
    strata: tuple[Stratum, ...]
    skipped: pd.DataFrame
    unplaced: int
    unbalanced: int

    @property
    def rows(self) -> np.ndarray:
        """Row of the real image whose whole label each fake is given, int64 [fakes], stratum after stratum."""
        return np.concatenate([np.empty(0, dtype=np.int64), *(one.drawn for one in self.strata)])


def plan_strata(
    values: np.ndarray, sources: Sequence[str], *, covariates: Sequence[str], num_samples: int, seed: int,
    least: int = LEAST_REALS,
) -> StrataPlan:  # fmt: skip
    """Return the strata of the real test images and the draws from each, as MSSG scored them.

    Every covariate is cut at the tertiles of the test labels of all sources together; the strata are all combinations,
    27 of three covariates. Of each with enough real images ``num_samples`` are drawn with replacement, equally many
    of every source (half of each of two; what is left over goes to the first ones).

    Args:
        values: [n, covariates] true values of the real test images, real units; NaN = unknown.
        sources: of each real image.
        covariates: names of the columns, one or more; those of few values make strata without any image.
        num_samples: drawn of a stratum; the original took 10 000.
        seed: the study's seed.
        least: real images below which a stratum is skipped.

    Raises:
        MrisynthError: the arrays do not belong together, nothing is to be drawn, or no image has every covariate.
    """
    expected = (len(sources), len(covariates))
    if values.shape != expected or not covariates or num_samples < 1:
        raise MrisynthError(
            f"Found values of shape {values.shape}, {len(sources)} sources, {len(covariates)} covariates and "
            f"{num_samples} samples a stratum; expected {expected} with a covariate and a sample at least."
        )
    placed = np.isfinite(values).all(axis=1)
    if not placed.any():
        raise MrisynthError(f"No real image has all of {', '.join(covariates)}; choose covariates known together.")
    cuts = [np.quantile(values[placed, column], np.linspace(0.0, 1.0, THIRDS + 1)) for column in range(expected[1])]
    thirds = np.stack([np.searchsorted(cut[1:-1], values[:, column]) for column, cut in enumerate(cuts)], axis=1)
    strata, skipped, unbalanced, where = [], [], 0, np.asarray(sources, dtype=str)
    for cell in product(range(THIRDS), repeat=len(covariates)):
        reals = np.flatnonzero(placed & (thirds == cell).all(axis=1))
        bounds = tuple((float(cut[third]), float(cut[third + 1])) for cut, third in zip(cuts, cell, strict=True))
        if len(reals) < least:
            skipped.append(bounds_row(covariates, bounds) | {"reals": len(reals)})
            continue
        unbalanced += len(set(where[reals].tolist())) < len(set(where[placed].tolist()))
        generator = numpy_generator(seed, "strata", *covariates, *cell)
        drawn = _drawn(reals, where, num_samples, generator)
        strata.append(Stratum(thirds=cell, bounds=bounds, reals=reals, drawn=drawn))
    columns = [*bounds_row(covariates, [(0.0, 0.0)] * len(covariates)), "reals"]
    return StrataPlan(
        covariates=tuple(covariates), strata=tuple(strata), skipped=pd.DataFrame(skipped, columns=columns),
        unplaced=int((~placed).sum()), unbalanced=unbalanced,
    )  # fmt: skip


def bounds_row(covariates: Sequence[str], bounds: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return the bounds of a stratum as ``{covariate}_min`` and ``{covariate}_max``."""
    ends = zip(covariates, bounds, strict=True)
    return {f"{name}_{end}": value for name, pair in ends for end, value in zip(("min", "max"), pair, strict=True)}


def _drawn(reals: np.ndarray, sources: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return rows drawn with replacement, equally many of each source that has any."""
    names = sorted(set(sources[reals].tolist()))
    shares = [count // len(names) + (number < count % len(names)) for number in range(len(names))]
    return np.concatenate(
        [generator.choice(reals[sources[reals] == name], share) for name, share in zip(names, shares, strict=True)]
    )
