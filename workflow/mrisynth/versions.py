"""Versions of what the stages compute: raise one when a change of the code changes results, and the stage runs again.

Neither the time of a script nor its text makes anything run again, for a checkout or a comment must not train a model.
"""

from __future__ import annotations

VERSIONS = {
    "preprocessing": 1,  # brain extraction and registration; done scans are done again
    "training": 1,
    "sampling": 1,
    "features": 1,
    "scores": 1,
}


def version_of(stage: str) -> dict[str, int]:
    """Return the parameter that tells Snakemake the version of a stage; the first needs none."""
    version = VERSIONS[stage]
    return {"version": version} if version > 1 else {}
