"""Stability: whether map and clusters come out alike when other participants of the cohort are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from mrisynth.clusters.maps import fit_map, principal_plane
from mrisynth.clusters.methods import NOISE, find_clusters, settle
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.progress import track
from mrisynth.seeds import derive_seed, numpy_generator

SHARE = 0.8
"""Share of the participants in a resampling."""
LEAST_SCANS = 8
"""Fewer scans in a resampling make no map to speak of."""


def measure_stability(
    features: np.ndarray,
    *,
    labels: np.ndarray,
    places: np.ndarray,
    participants: Sequence[str],
    settings: ClusterSettings,
    seed: int,
    resamplings: int = 50,
    samples: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return the adjusted Rand index between clusters and those found again in part of the participants.

    Each resampling draws :data:`SHARE` of the participants without replacement (with replacement doubled scans would
    be neighbours of themselves), fits map and clusters again with a seed of its own, and compares the labels of the
    scans drawn with those that they had. Hubert and Arabie 1985; 1 is the same, 0 chance. A resampling in which fewer
    than two clusters are found counts as the method gives it: everything in one class, an index of 0.

    Args:
        features: [n, d], the training scans.
        labels: int [n], their clusters.
        places: [n, 2], their map.
        participants: of each scan; all scans of one are drawn or none.
        settings: map and method.
        seed: the study's seed.
        resamplings: how many.
        samples: [m, d] of a model, when the map is a joint one: as many of them as scans are drawn, too.

    Returns:
        One row a resampling: resampling, scans, samples, clusters, noise (share of the rows), ari, clusters_pca,
        ari_pca (the same method in the plane of the first two principal components, against itself). Empty when a
        resampling would hold fewer than :data:`LEAST_SCANS` scans.
    """
    groups = np.asarray(participants, dtype=str)
    columns = ["resampling", "scans", "samples", "clusters", "noise", "ari", "clusters_pca", "ari_pca"]
    if round(SHARE * len(features)) < LEAST_SCANS:
        return pd.DataFrame(columns=columns)
    plane = principal_plane(features, settings=settings, like=places)
    plane_labels = _labels(plane, settings=settings, seed=seed)
    rows: list[dict[str, Any]] = []
    for number in track(range(resamplings), "clusters found again", resamplings):
        drawn = draw_participants(groups, seed=derive_seed(seed, "clusters", "resampling", number))
        joint = features[drawn] if samples is None else _joined(features[drawn], samples, seed=seed, number=number)
        row = _one(joint, len(drawn), settings=settings, seed=derive_seed(seed, "clusters", "again", number))
        again, again_in_plane = row.pop("labels"), row.pop("labels_pca")
        row |= {"resampling": number, "scans": len(drawn), "samples": len(joint) - len(drawn)}
        row["ari"] = adjusted_rand_score(labels[drawn], again)
        row["ari_pca"] = adjusted_rand_score(plane_labels[drawn], again_in_plane)
        rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def draw_participants(participants: np.ndarray, *, seed: int) -> np.ndarray:
    """Return the rows of 80 % of the participants, drawn without replacement, in their order."""
    people = np.unique(participants)
    drawn = numpy_generator(seed, "participants").permutation(people)[: max(1, round(SHARE * len(people)))]
    return np.flatnonzero(np.isin(participants, drawn))


def plane_agreement(
    features: np.ndarray, *, labels: np.ndarray, places: np.ndarray, settings: ClusterSettings, seed: int
) -> float:
    """Return the adjusted Rand index between clusters and those of the same method in the principal plane.

    Args:
        features: [n, d], the training scans.
        labels: int [n], their clusters.
        places: [n, 2], their map.
        settings: map and method.
        seed: the study's seed.
    """
    plane = principal_plane(features, settings=settings, like=places)
    return float(adjusted_rand_score(labels, _labels(plane, settings=settings, seed=seed)))


def _one(joint: np.ndarray, scans: int, *, settings: ClusterSettings, seed: int) -> dict[str, Any]:
    """Map and cluster a resampling, whose first rows are the scans; the plane is as wide as their part of the map."""
    coordinates = fit_map(joint, settings=settings, seed=seed).coordinates
    found = find_clusters(coordinates, settings=settings, seed=seed)
    plane = principal_plane(joint[:scans], settings=settings, like=coordinates[:scans])
    in_plane = find_clusters(plane, settings=settings, seed=seed)
    return {
        "clusters": len(set(found.tolist()) - {NOISE}),
        "noise": float((found == NOISE).mean()),
        "clusters_pca": len(set(in_plane.tolist()) - {NOISE}),
        "labels": settle(found, coordinates, noise=settings.noise)[0][:scans],
        "labels_pca": settle(in_plane, plane, noise=settings.noise)[0],
    }


def _labels(coordinates: np.ndarray, *, settings: ClusterSettings, seed: int) -> np.ndarray:
    return settle(find_clusters(coordinates, settings=settings, seed=seed), coordinates, noise=settings.noise)[0]


def _joined(features: np.ndarray, samples: np.ndarray, *, seed: int, number: int) -> np.ndarray:
    order = numpy_generator(seed, "clusters", "samples again", number).permutation(len(samples))
    return np.concatenate([features, samples[np.sort(order[: len(features)])]])
