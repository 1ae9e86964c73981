"""Tables of features that a metric can be computed of; anything else is refused in words."""

from __future__ import annotations

import numpy as np

from mrisynth.errors import MrisynthError


def check_features(features: np.ndarray, name: str, *, rows: int) -> None:
    """Refuse features that are not a finite table of at least ``rows`` rows.

    Raises:
        MrisynthError: says which set it is and what was expected.
    """
    if features.ndim != 2 or features.shape[1] == 0:
        raise MrisynthError(f"The {name} features have shape {features.shape}, expected [n, d].")
    if len(features) < rows:
        raise MrisynthError(f"{len(features)} {name} rows of features, expected {rows} or more; use more scans.")
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features).all(axis=1)).sum())
        raise MrisynthError(f"{bad} of {len(features)} {name} rows of features are not finite; embed them again.")


def check_pair(real: np.ndarray, synthetic: np.ndarray, *, rows: int) -> None:
    """Refuse two sets of features that are not both finite tables of at least ``rows`` rows and of one width.

    Raises:
        MrisynthError: says which set it is and what was expected.
    """
    check_features(real, "real", rows=rows)
    check_features(synthetic, "synthetic", rows=rows)
    if real.shape[1] != synthetic.shape[1]:
        raise MrisynthError(f"Features of different width: real {real.shape[1]}, synthetic {synthetic.shape[1]}.")


def standardised(features: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return features [n, d] in standard deviations from the mean of others [m, d], float64.

    A feature that hardly varies among the others (below a millionth of its mean) is only centred.
    """
    by = by.astype(np.float64)
    mean, spread = by.mean(axis=0), by.std(axis=0)
    spread[spread <= 1e-6 * np.abs(mean)] = 1.0
    return (features.astype(np.float64) - mean) / spread


def taken(values: np.ndarray, rows: np.ndarray | None, *, axis: int = 0) -> np.ndarray:
    """Return these rows (or columns, axis 1) of an array; the array itself for None."""
    return values if rows is None else values.take(rows, axis=axis)


def all_rows(
    counts: tuple[int, int], real_rows: np.ndarray | None, synthetic_rows: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the chosen rows of a real and a synthetic set of so many rows, all of them for None."""
    real, synthetic = (
        np.arange(count) if rows is None else np.asarray(rows)
        for count, rows in zip(counts, (real_rows, synthetic_rows), strict=True)
    )
    return real, synthetic


def check_subset(rows: tuple[np.ndarray, np.ndarray], *, rows_needed: int) -> None:
    """Refuse subsets of fewer rows than a metric needs.

    Raises:
        MrisynthError: says how many there are of each set.
    """
    if min(map(len, rows)) < rows_needed:
        raise MrisynthError(
            f"Subsets of {len(rows[0])} real and {len(rows[1])} synthetic rows, expected {rows_needed} or more of each."
        )


def normalised_influences(derivatives: np.ndarray) -> np.ndarray:
    """Return influences [n, 1], whose squares add up to a variance, of derivatives [n] by the weights of the rows."""
    count = len(derivatives)
    return ((derivatives - derivatives.mean()) / np.sqrt(count * (count - 1.0)))[:, None]
