"""The verdict: whether a condition may be made of clusters. Needs numpy and pandas alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mrisynth.errors import MrisynthError


def stability_facts(resamplings: pd.DataFrame) -> dict[str, Any]:
    """Return mean and 5th percentile of the adjusted Rand index over resamplings; None where none was made.

    Args:
        resamplings: of :func:`mrisynth.clusters.stability.measure_stability`.
    """
    if resamplings.empty:
        return {"resamplings": 0, "mean": None, "low": None, "mean_pca": None, "without_clusters": None}
    return {
        "resamplings": len(resamplings),
        "mean": round(float(resamplings["ari"].mean()), 4),
        "low": round(float(resamplings["ari"].quantile(0.05)), 4),
        "mean_pca": round(float(resamplings["ari_pca"].mean()), 4),
        "without_clusters": int((resamplings["clusters"] < 2).sum()),
    }


def stability_sentence(stability: Mapping[str, Any]) -> str:
    """Return the stability in words."""
    if stability["mean"] is None:
        return "there are too few training scans to find the clusters again in a part of them"
    return (
        f"found again in 80 % of the participants ({stability['resamplings']} times), they agree with an adjusted Rand "
        f"index of {stability['mean']:.2f} (5th percentile {stability['low']:.2f})"
    )


def judge(facts: Mapping[str, Any], *, least: float, override: bool, where: str) -> list[str]:
    """Return the warnings that go with a condition made of clusters.

    Args:
        facts: content of ``clusters/{model}.json``.
        least: smallest mean adjusted Rand index.
        override: condition on clusters below it all the same.
        where: the page of the clusters, for people.

    Raises:
        MrisynthError: the clusters are not stable enough and ``override`` is false, or fewer than two of them hold
            training scans.
    """
    clusters = f"The clusters of round {facts['round']} (after {facts['model']})"
    if facts["clusters_with_scans"] < 2:
        raise MrisynthError(
            f"{clusters} are {facts['clusters']}, of which {facts['clusters_with_scans']} hold training scans; a "
            f"condition needs two. In a joint map this means that {facts['model']} draws no brain like the real ones: "
            f"train it longer, or let another model stand in clustering.feedback. Look at {where}."
        )
    warnings, stability = list(facts["warnings"]), facts["stability"]
    if stability["mean"] is not None and stability["mean"] >= least:
        return warnings
    verdict = "cannot be judged" if stability["mean"] is None else "are not stable"
    found = f"{clusters} {verdict}: {stability_sentence(stability)}; clustering.stability.least is {least:g}."
    if not override:
        raise MrisynthError(
            f"{found} Look at {where}. Choose another method, fewer clusters, more neighbours or other features, or "
            f"set clustering.stability.override to true to condition on them all the same, with a warning."
        )
    return [f"{found} The condition was made of them all the same (clustering.stability.override).", *warnings]
