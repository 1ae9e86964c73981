"""Overlap: how far clusters repeat what is known of the scans, such as the scanner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

KNOWN_COLUMNS = ("site", "sex", "age_tercile", "diagnosis")


def cluster_overlap(clusters: pd.DataFrame, scans: pd.DataFrame, *, site_limit: float) -> pd.DataFrame:
    """Return how far the clusters repeat site, sex, third of the ages and diagnosis.

    Both are 1 when cluster and column say the same; ``ami`` (mutual information adjusted for chance, Vinh et al. 2010)
    is about 0 for unrelated ones, ``nmi`` (normalised) is above 0 for few scans. A cluster that repeats the site is a
    scanner, not anatomy.

    Args:
        clusters: one row a scan: scan, cluster.
        scans: the scans table; a column that the cohort does not have gives a row with n = 0.
        site_limit: above this ``ami`` of the site a sentence warns of clusters that are scanners.

    Returns:
        One row a known column: column, n, categories, nmi, ami, warning.
    """
    rows: list[dict[str, Any]] = []
    for column in KNOWN_COLUMNS:
        known = pd.DataFrame({"scan": scans["scan"], "known": scans[column]}) if column in scans else pd.DataFrame()
        both = clusters.merge(known.dropna(), on="scan") if len(known) else pd.DataFrame(columns=["cluster", "known"])
        known_labels, labels = both["known"].astype(str).tolist(), both["cluster"].astype(str).tolist()
        categories = len(set(known_labels))
        nmi = normalized_mutual_info_score(known_labels, labels) if categories > 1 else np.nan
        ami = adjusted_mutual_info_score(known_labels, labels) if categories > 1 else np.nan
        words = _warning(column, ami, categories=categories, site_limit=site_limit)
        row = {"column": column, "n": len(both), "categories": categories, "nmi": nmi, "ami": ami, "warning": words}
        rows.append(row)
    return pd.DataFrame(rows)


def _warning(column: str, ami: float, *, categories: int, site_limit: float) -> str:
    if categories < 2:
        what = "has a single value" if categories else "is not known"
        return f"The {column} {what} in these scans; nothing can be said about it."
    if column == "site" and ami > site_limit:
        return (
            f"The clusters are mostly the site: their adjusted mutual information is {ami:.2f}, above "
            f"clustering.site_limit ({site_limit:g}). A model that is told them learns scanners, not anatomy."
        )
    return ""
