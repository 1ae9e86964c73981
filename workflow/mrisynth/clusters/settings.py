"""How scans are mapped and cut into clusters. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Method = Literal["dbscan", "hdbscan", "kmeans", "gaussian_mixture"]
Noise = Literal["nearest", "own_class", "refuse"]


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """Map and method; the defaults are those of the published feedback.

    Attributes:
        neighbours: UMAP's ``n_neighbors``.
        min_distance: UMAP's ``min_dist``.
        standardise: divide each feature by its spread first (features without spread are left alone).
        components: reduce to so many principal components before the map; none when missing.
        method: how clusters are found in the map.
        clusters: how many, for ``kmeans`` and ``gaussian_mixture``.
        epsilon: reach of ``dbscan``, in units of the map.
        min_samples: smallest neighbourhood of ``dbscan`` and smallest cluster of ``hdbscan``.
        noise: scans in no cluster join the cluster of their ``nearest`` neighbour, form an ``own_class``, or are a
            reason to ``refuse``.
    """

    neighbours: int = 20
    min_distance: float = 0.0
    standardise: bool = False
    components: int | None = None
    method: Method = "dbscan"
    clusters: int | None = None
    epsilon: float = 0.5
    min_samples: int = 5
    noise: Noise = "nearest"

    @classmethod
    def from_config(cls, block: Mapping[str, Any]) -> ClusterSettings:
        """Read the block ``clustering`` of the configuration; its other keys are left alone."""
        return cls(**{field.name: block[field.name] for field in fields(cls) if field.name in block})
