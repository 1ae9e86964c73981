"""Whether a feature space can be trusted for a cohort: each control must score worse than real scans do."""

from __future__ import annotations

import pandas as pd

_BAD_IMAGES = ("fid", "kid", "precision", "density", "clipped_density", "mean_map_mse_gap")
_SEES = {
    "noise": (*_BAD_IMAGES, "ms_ssim_gap", "regions_measured"),
    "blurred": (*_BAD_IMAGES, "region_wasserstein"),
    "shuffled": (*_BAD_IMAGES, "ms_ssim_gap", "regions_measured"),
    "duplicated": ("fid", "kid", "recall", "coverage", "clipped_coverage", "region_wasserstein"),
}
"""Control -> the values that are made to notice it: bad images lower fidelity, duplicates lower variety."""

_DISTANCES = ("fid", "kid")
_VARIETY = ("recall", "coverage", "clipped_coverage")
"""The values that a feature space is judged by: every distance where images are bad, any share where variety is."""

COLUMNS = ["features", "features_trained", "view", "control", "metric", "value", "floor", "bound", "n", "noticed"]


def control_verdicts(scores: pd.DataFrame) -> pd.DataFrame:
    """Return for each control and value whether the value noticed it, one row each; test reference only.

    A value notices a control when it is worse than ``bound``: the 95th percentile of what real scans score against
    real scans (the 5th where higher is better), or that score itself where it has no range. Real scans are the control
    that must score best, and do so when every other is noticed.

    Args:
        scores: in the form of :func:`mrisynth.metrics.table.score_table`, those of controls among them.

    Returns:
        ``features``, ``features_trained``, ``view``, ``control``, ``metric``, ``value``, ``floor``, ``bound``, ``n``,
        and ``noticed`` (missing where the value could not be computed).
    """
    rows = []
    controls = scores[(scores["source"] == "control") & (scores["reference"] == "test")]
    for row in controls.to_dict("records"):
        if row["metric"] not in _SEES.get(row["model"], ()):
            continue
        lower = row["better"] == "lower"
        bound = row["floor_high"] if lower else row["floor_low"]
        bound = row["floor"] if pd.isna(bound) else bound
        known = pd.notna(row["value"]) and pd.notna(bound)
        worse = row["value"] > bound if lower else row["value"] < bound
        rows.append(
            {key: row[key] for key in ("features", "features_trained", "view", "metric", "value", "floor", "n")}
            | {"control": row["model"], "bound": bound, "noticed": bool(worse) if known else None}
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def untrusted_sentences(verdicts: pd.DataFrame) -> list[str]:
    """Return a sentence for each feature space and view that misses a control.

    Bad images (noise, blurred, shuffled) must be noticed by the Fréchet and by the kernel distance, repetition by
    recall or by a coverage: distances compare means and spreads, which a few repeated scans can have, too, and with few
    scans one of the shares may be too coarse.
    """
    found = []
    for (features, view), part in verdicts.groupby(["features", "view"], sort=False):
        images = part[(part["control"] != "duplicated") & part["metric"].isin(_DISTANCES)]
        variety = part[(part["control"] == "duplicated") & part["metric"].isin(_VARIETY)]
        missed = [f"{row.control} ({row.metric})" for row in images[images["noticed"].eq(False)].itertuples()]
        if len(variety) and variety["noticed"].eq(False).all():
            missed.append(f"duplicated ({', '.join(variety['metric'])})")
        if missed:
            found.append(
                f"The feature space {features} at view {view} cannot be trusted for this cohort: real scans do not "
                f"score better than {', '.join(missed)}."
            )
        elif images["noticed"].isna().any() or (len(variety) and variety["noticed"].isna().all()):
            found.append(
                f"Whether the feature space {features} at view {view} can be trusted is not known: too few scans for "
                "its controls."
            )
    return found
