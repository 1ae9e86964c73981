"""The cluster feedback of a study: embeddings of scans and of a model's samples to the tables of one round."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.clusters.clustering import Clustering, fit_clusters
from mrisynth.clusters.overlap import cluster_overlap
from mrisynth.clusters.rounds import LEAST_ROWS, coverage, equal_numbers
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.clusters.stability import measure_stability, plane_agreement
from mrisynth.clusters.verdict import stability_facts
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError

_LOG = logging.getLogger(__name__)
_LEAST_SHARED = 0.25


@dataclass(frozen=True, kw_only=True)
class RoundOfClusters:
    """Everything that one round of clusters leaves.

    Attributes:
        clusters: one row a real scan: scan, split, cluster, cluster_name, umap_x, umap_y, noise, fitted, weight.
        projections: one row a sample: source, id, condition, cluster, cluster_name, umap_x, umap_y, fitted.
        coverage: of :func:`mrisynth.clusters.rounds.coverage`.
        overlap: of :func:`mrisynth.clusters.overlap.cluster_overlap`.
        resamplings: of :func:`mrisynth.clusters.stability.measure_stability`.
        facts: what was done and found, for JSON.
    """

    clusters: pd.DataFrame
    projections: pd.DataFrame
    coverage: pd.DataFrame
    overlap: pd.DataFrame
    resamplings: pd.DataFrame
    facts: dict[str, Any]


def cluster_round(
    real: Embeddings,
    samples: Embeddings,
    *,
    model: str,
    told: pd.Series,
    scans: pd.DataFrame,
    round_: int,
    block: Mapping[str, Any],
    resamplings: int,
    seed: int,
) -> RoundOfClusters:
    """Return the clusters of one round of the feedback.

    Round 1 is the published form: map and clusters are fitted to the real training scans alone, and the samples are
    only put into them. In later rounds both are fitted to training scans and samples of the model in equal numbers,
    and the training scans get weights from how often the model draws their clusters. Validation and test scans are
    never fitted; they join the cluster of their nearest fitted row.

    Args:
        real: features of all real scans that passed.
        samples: features of the model's samples.
        model: its name.
        told: condition of each sample in words, in their order.
        scans: the scans table: scan, participant_id, split, and what is known of the scans.
        round_: from 1.
        block: the block ``clustering`` of the configuration.
        resamplings: how often the clusters are found again.
        seed: the study's seed.

    Raises:
        MrisynthError: too few scans or samples, or clusters that no condition can be made of.
    """
    settings, splits = ClusterSettings.from_config(block), scans.set_index("scan")["split"]
    train = [scan for scan in real.ids if splits[scan] == "train"]
    if len(train) < LEAST_ROWS:
        raise MrisynthError(f"{len(train)} training scans passed; clusters need at least {LEAST_ROWS}.")
    clustering = _fitted(real, samples, train=train, joint=round_ > 1, settings=settings, seed=seed)
    clusters = clustering.place(real.ids, real.features).rename(columns={"id": "scan"})
    clusters.insert(1, "split", [splits[scan] for scan in real.ids])
    projections = clustering.place(samples.ids, samples.features).drop(columns="noise")
    projections.insert(0, "source", model)
    projections.insert(2, "condition", list(told))
    covered = coverage(clusters, projections, limit=block["weight_limit"] if round_ > 1 else None)
    weights = clusters["cluster"].map(dict(zip(covered["cluster"], covered["weight"], strict=True)))
    clusters["weight"] = weights.fillna(1.0)  # of clusters that only validation and test scans are in
    overlap = cluster_overlap(clusters, scans, site_limit=block["site_limit"])
    trained = clusters.set_index("scan").loc[train]
    found, stability = _stability(
        real.rows(train), trained, participants=scans.set_index("scan")["participant_id"].loc[train].tolist(),
        samples=samples.features if round_ > 1 else None, resamplings=resamplings, settings=settings, seed=seed,
    )  # fmt: skip
    shared = float(np.minimum(covered["share_of_scans"], covered["share_of_samples"]).sum())
    facts = {
        "model": model,
        "round": round_,
        "method": settings.method,
        "features": real.meta["features"],
        "features_trained": real.meta["trained"],
        "training_scans": len(train),
        "fitted": len(clustering.ids),
        "clusters": len(clustering.names),
        "clusters_with_scans": int((covered["scans"] > 0).sum()),
        "noise_share": round(float(trained["noise"].mean()), 4),
        "shared_with_samples": round(shared, 4),
        "warnings": _warnings(clustering, overlap, real, shared if round_ > 1 else None),
    }
    for sentence in facts["warnings"]:
        _LOG.warning("%s", sentence)
    return RoundOfClusters(
        clusters=clusters, projections=projections, coverage=covered, overlap=overlap, resamplings=found,
        facts=facts | stability,
    )  # fmt: skip


def _fitted(
    real: Embeddings, samples: Embeddings, *, train: list[str], joint: bool, settings: ClusterSettings, seed: int
) -> Clustering:
    if not joint:
        return fit_clusters(real.rows(train), ids=train, settings=settings, seed=seed)
    scans, drawn = equal_numbers(train, samples.ids, seed=seed)
    return fit_clusters(
        np.concatenate([real.rows(scans), samples.rows(drawn)]),
        ids=[*scans, *drawn],
        settings=settings,
        seed=seed,
        counted=np.arange(2 * len(scans)) < len(scans),
    )


def _stability(
    features: np.ndarray,
    trained: pd.DataFrame,
    *,
    participants: list[str],
    samples: np.ndarray | None,
    resamplings: int,
    settings: ClusterSettings,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the resamplings of the training scans, and what they say beside the principal plane."""
    known = {"labels": trained["cluster"].to_numpy(), "places": trained[["umap_x", "umap_y"]].to_numpy()}
    known |= {"settings": settings, "seed": seed}
    found = measure_stability(features, participants=participants, samples=samples, resamplings=resamplings, **known)
    agreed = round(plane_agreement(features, **known), 4)
    return found, {"stability": stability_facts(found), "agreement_with_principal_plane": agreed}


def _warnings(clustering: Clustering, overlap: pd.DataFrame, real: Embeddings, shared: float | None) -> list[str]:
    sentences = list(clustering.map.messages)
    site = overlap[(overlap["column"] == "site") & (overlap["categories"] > 1)]
    sentences += [words for words in site["warning"] if words]
    if shared is not None and shared < _LEAST_SHARED:
        sentences.append(
            f"Scans and samples have {shared:.0%} of these clusters in common: the joint map tells them apart, and the "
            "weights say more about that than about kinds of brains that the model misses."
        )
    if not real.meta["trained"]:
        sentences.append(f"The features {real.meta['features']} are untrained: their clusters need not mean anything.")
    return sentences
