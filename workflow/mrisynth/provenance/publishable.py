"""Publishable: which files of a study may be listed or copied for others."""

from __future__ import annotations

from fnmatch import fnmatchcase

OF_GROUPS = (
    "metrics.tsv",
    "comparison.tsv",
    "replicates.tsv",
    "controls/verdicts.tsv",
    "models/*/validation.tsv",
    "provenance/citations.*",
    "provenance/config.json",
    "report/comparison.html",
    "report/figures_vector",
    "report/scorecards/*",
    "report/tables",
    "training/*/curve-*.tsv",
)
"""Scores, curves and figures of groups, which no agreement keeps back; all else shows or derives from persons."""


def is_publishable(path: str, *, allowed: bool) -> bool:
    """Return whether a file may be listed for others.

    Args:
        path: within the study's folder.
        allowed: whether data of the cohort and what is derived of them may leave, as
            :func:`mrisynth.redistribution.decide` says.
    """
    return allowed or any(fnmatchcase(path, pattern) for pattern in OF_GROUPS)
