"""How well one number of many images agrees with another: errors, correlation, and shares of right answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.table import Better

MEASURES: Mapping[str, tuple[str, ...]] = {
    "continuous": ("mse", "mae", "standardised_mse", "standardised_mae", "r"),
    "binary": ("accuracy", "precision", "recall", "f1", "balanced_accuracy"),
    "categorical": ("accuracy", "balanced_accuracy"),
}
"""Kind of a covariate -> its measures."""

POSITIVE = ("mse", "mae", "standardised_mse", "standardised_mae")
"""Measures without an upper bound, lower is better; of all others but r, which goes from -1 to 1, 0 to 1."""

_TINY = 1e-12


def better(measure: str) -> Better:
    """Return which values of a measure are better."""
    return "lower" if measure in POSITIVE else "higher"


def agreement(
    found: np.ndarray, wanted: np.ndarray, *, kind: str, scale: float = 1.0, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the measures of one covariate under several weightings of the rows.

    * continuous: mean squared and mean absolute difference in real units and, ``standardised_``, in units of
      ``scale``; ``r``, Pearson's correlation, missing where either side does not vary.
    * binary: both sides count as 1 from 0.5 on. Accuracy; precision, recall and F1 of 1; balanced accuracy, the mean
      share of 0 and of 1 that is found. Each is missing where it would divide by nothing.
    * categorical: numbers of categories. Accuracy, and the mean over the wanted categories of the share that is found.

    Args:
        found, wanted: [n], finite.
        kind: a key of :data:`MEASURES`.
        scale: what one standard deviation is in real units.
        weights: [draws, n], how often each row counts; None counts each once.

    Returns:
        measure -> [draws].

    Raises:
        MrisynthError: the kind is unknown or the two sides have different lengths.
    """
    if kind not in MEASURES or found.shape != wanted.shape or found.ndim != 1:
        raise MrisynthError(
            f"Found the kind {kind!r} and values of shapes {found.shape} and {wanted.shape}; expected one of "
            f"{', '.join(MEASURES)} and two rows of numbers of one length."
        )
    counts = np.ones((1, len(found))) if weights is None else weights
    if not len(found):
        return {measure: np.full(len(counts), np.nan) for measure in MEASURES[kind]}
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "continuous":
            return _continuous(found.astype(np.float64), wanted.astype(np.float64), scale, counts)
        if kind == "binary":
            return _binary(found >= 0.5, wanted >= 0.5, counts)
        return _categorical(np.rint(found), np.rint(wanted), counts)


def correlation_of(sums: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation [draws] from weighted sums, missing where either side does not vary.

    Args:
        sums: [draws, 6], of 1, x, y, x*x, y*y and x*y; x and y best centred and scaled beforehand.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        count, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
        spread = (xx / count - (x / count) ** 2, yy / count - (y / count) ** 2)
        least = _TINY * np.maximum(1.0, (xx + yy) / count)
        product = xy / count - x * y / count**2
        r = product / np.sqrt(spread[0] * spread[1])
    return np.where((spread[0] > least) & (spread[1] > least), np.clip(r, -1.0, 1.0), np.nan)


def products(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the summands of :func:`correlation_of` [n, 6], of both sides centred and in standard deviations."""
    x, y = (_standard(side) for side in (found, wanted))
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def _standard(values: np.ndarray) -> np.ndarray:
    middle = values - values.mean()
    spread = middle.std()
    return middle / spread if spread > _TINY * max(1.0, float(np.abs(values).max())) else np.zeros_like(middle)


def _continuous(found: np.ndarray, wanted: np.ndarray, scale: float, weights: np.ndarray) -> dict[str, np.ndarray]:
    difference, total = found - wanted, weights.sum(axis=1)
    mse, mae = weights @ difference**2 / total, weights @ np.abs(difference) / total
    r = correlation_of(weights @ products(found, wanted))
    return {"mse": mse, "mae": mae, "standardised_mse": mse / scale**2, "standardised_mae": mae / scale, "r": r}


def _binary(found: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    true, false_alarm, missed, quiet = (
        weights @ part.astype(np.float64)
        for part in (found & wanted, found & ~wanted, ~found & wanted, ~found & ~wanted)
    )
    recall, specificity = true / (true + missed), quiet / (quiet + false_alarm)
    return {
        "accuracy": (true + quiet) / weights.sum(axis=1),
        "precision": true / (true + false_alarm),
        "recall": recall,
        "f1": 2 * true / (2 * true + false_alarm + missed),
        "balanced_accuracy": (recall + specificity) / 2,
    }


def _categorical(found: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    right = (found == wanted).astype(np.float64)
    shares = [_share(weights[:, wanted == one], right[wanted == one]) for one in np.unique(wanted)]
    present = np.isfinite(np.stack(shares))
    balanced = np.where(present, shares, 0.0).sum(axis=0) / present.sum(axis=0)
    return {"accuracy": _share(weights, right), "balanced_accuracy": balanced}


def _share(weights: np.ndarray, right: np.ndarray) -> np.ndarray:
    return weights @ right / weights.sum(axis=1)


def check_columns(arrays: Mapping[str, np.ndarray], names: Sequence[str], kinds: Sequence[str], *, rows: int) -> None:
    """Refuse tables of covariates that do not belong together.

    Raises:
        MrisynthError: says which array has which shape, or which kind is unknown.
    """
    unknown = [kind for kind in kinds if kind not in MEASURES]
    if len(names) != len(kinds) or unknown or len(set(names)) != len(names):
        raise MrisynthError(
            f"Found the covariates {', '.join(names)} with the kinds {', '.join(kinds)}; expected different names and "
            f"one of {', '.join(MEASURES)} for each."
        )
    for name, array in arrays.items():
        if array.shape != (rows, len(names)):
            raise MrisynthError(
                f"The {name} values have the shape {array.shape}, expected {(rows, len(names))}: one row an image, one "
                "column a covariate."
            )
