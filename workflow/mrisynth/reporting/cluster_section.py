"""The section of the page about the clusters of the feedback: the map, its stability, what the clusters repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mrisynth.clusters.verdict import stability_sentence
from mrisynth.files import read_json, read_table
from mrisynth.reporting.page import Figure, Table

_SECTION = "Clusters"


@dataclass(frozen=True, kw_only=True)
class ClusterFiles:
    """What a round of clusters left.

    Attributes:
        picture: the drawn map.
        overlap: what clusters share with site, sex, age and diagnosis.
        facts: round, stability and warnings.
    """

    picture: Path
    overlap: Path
    facts: Path


def cluster_figures(rounds: Mapping[str, ClusterFiles]) -> list[Figure]:
    """Return the map of each round, by the model whose samples are in it."""
    found = []
    for model, files in rounds.items():
        facts = read_json(files.facts)
        fitted = "real training scans" if facts["round"] == 1 else "real training scans and samples in equal numbers"
        caption = (
            f"Round {facts['round']}: a map of the features of {fitted}; what else is in it was put there afterwards. "
            f"Axes have no unit. Clusters: {stability_sentence(facts['stability'])}. UMAP places everything beside its "
            "nearest scan, however far away that is: a sample among real scans is no proof of likeness."
        )
        found.append(Figure(f"Clusters for the feedback of {model}", caption, files.picture, _SECTION))
    return found


def cluster_tables(rounds: Mapping[str, ClusterFiles]) -> list[Table]:
    """Return for each round what its clusters share with what is known of the scans."""
    found = []
    for model, files in rounds.items():
        overlap = read_table(files.overlap, warning="string").drop(columns="warning", errors="ignore")
        frame = overlap.rename(
            columns={"column": "known", "n": "scans", "nmi": "normalised", "ami": "adjusted for chance"}
        ).round(2)
        found.append(
            Table(
                f"What the clusters of {model} share with what is known",
                "Mutual information of cluster and column: 1 when they say the same; adjusted for chance it is about 0 "
                "when they have nothing to do with each other. Clusters that follow the site show scanners, not "
                "anatomy.",
                frame,
                _SECTION,
            )
        )
    return found


def cluster_warnings(rounds: Mapping[str, ClusterFiles]) -> list[str]:
    """Return what the rounds warn of, with the model."""
    return [
        f"Clusters of {model}: {warning[0].lower()}{warning[1:]}"
        for model, files in rounds.items()
        for warning in read_json(files.facts)["warnings"]
    ]
