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
