"""Distances between rows of features, and what belongs to the scans of one participant as one number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrisynth.metrics.distances import squared_distances


def distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances [n, m] between rows [n, d] and others [m, d]; equal rows are at 0 exactly."""
    origin = others.mean(axis=0, dtype=np.float64)  # distances do not change, rounding gets smaller
    return np.sqrt(squared_distances(rows - origin, others - origin))


def by_participant(to_scans: np.ndarray, participants: Sequence[str]) -> np.ndarray:
    """Return the distance of each row to the nearest scan of each participant, in the order of their names.

    Args:
        to_scans: [n, scans].
        participants: of each scan.

    Returns:
        [n, participants].
    """
    names, place = np.unique(np.asarray(participants, dtype=np.str_), return_inverse=True)
    if len(names) == len(place):
        return to_scans[:, np.argsort(place)]
    nearest = np.full((len(to_scans), len(names)), np.inf)
    np.minimum.at(nearest.T, place, to_scans.T)
    return nearest


def participant_means(scores: np.ndarray, participants: Sequence[str]) -> np.ndarray:
    """Return the mean score of each participant, in the order of their names."""
    _, place = np.unique(np.asarray(participants, dtype=np.str_), return_inverse=True)
    return np.bincount(place, weights=scores) / np.bincount(place)
