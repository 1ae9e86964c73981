"""What people are told of each metric: its title, its group, its numbers, its axis and one sentence of meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

GROUPS = {
    "Fidelity": "Do samples look like real scans?",
    "Variety": "Do samples differ from each other as much as real scans do?",
    "Anatomy": "Do brains and their regions have the right form and size?",
    "Condition": "Do samples show what they were asked for?",
    "Privacy": "Are training scans given away?",
    "Utility": "Can samples stand in for real scans?",
    "Other": "Scores that this page knows by name only.",
}
"""Group -> the question that its scores answer, in the order of all pages and tables."""

MAIN = ("fid", "kid", "precision", "recall", "clipped_density", "clipped_coverage")
"""The values that the first page and the terminal show; the comparison page shows all."""

_ARROWS = {"lower": "↓", "higher": "↑", "neither": ""}
_LARGE, _HUGE, _TINY = 1e3, 1e6, 1e-4


@dataclass(frozen=True, kw_only=True)
class Words:
    """How one value is shown.

    Attributes:
        title: its name for people.
        group: one of :data:`GROUPS`.
        meaning: one sentence.
        form: ``share`` has two decimals, ``number`` three digits.
        ends: ends of its axis; None where the values decide.
        scale: of its axis; ``asinh`` is linear around 0 and logarithmic far from it.
    """

    title: str
    group: str
    meaning: str
    form: Literal["share", "number"] = "number"
    ends: tuple[float, float] | None = None
    scale: Literal["linear", "log", "asinh"] = "linear"


def _share(title: str, group: str, meaning: str) -> Words:
    return Words(title=title, group=group, meaning=meaning, form="share", ends=(0.0, 1.0))


def _number(title: str, group: str, meaning: str) -> Words:
    return Words(title=title, group=group, meaning=meaning)


_KNOWN = {
    "fid": Words(
        title="FID",
        group="Fidelity",
        meaning="Fréchet distance: how far mean and spread of the features of samples are from those of real scans.",
        scale="log",
    ),
    "kid": Words(
        title="KID",
        group="Fidelity",
        meaning="Kernel distance of the features; 0 is expected of equal sets, and chance takes it below.",
        scale="asinh",
    ),
    "precision": _share("precision", "Fidelity", "Share of samples that lie among real scans."),
    "density": Words(
        title="density",
        group="Fidelity",
        meaning="How many neighbourhoods of real scans a sample lies in; about 1 for real scans.",
        form="share",
    ),
    "clipped_density": _share(
        "clipped density",
        "Fidelity",
        "The share of good samples that would give this fidelity; outliers cannot raise it.",
    ),
    "recall": _share("recall", "Variety", "Share of real scans that lie among samples."),
    "coverage": _share("coverage", "Variety", "Share of real scans with a sample in their neighbourhood."),
    "clipped_coverage": _share(
        "clipped coverage",
        "Variety",
        "The share of good samples that would give this coverage; outliers cannot raise it.",
    ),
    "ms_ssim": _number(
        "MS-SSIM of pairs", "Variety", "Likeness of pairs of samples; real scans are as alike as the floor."
    ),
    "ms_ssim_gap": _number("gap of MS-SSIM", "Variety", "How far that likeness is from that of real scans."),
    "mean_map_mse": _number(
        "MSE to the mean map", "Anatomy", "Mean square distance of a sample from the mean real scan."
    ),
    "mean_map_mse_gap": _number("gap of that MSE", "Anatomy", "How far that distance is from that of real scans."),
    "region_wasserstein": _number(
        "Wasserstein, regions", "Anatomy", "Distance of the volumes of a region, in standard deviations; their mean."
    ),
    "region_wasserstein_joint": _number(
        "Wasserstein, all at once", "Anatomy", "The same distance of all regions together, with how they go together."
    ),
    "region_effect_size": _number(
        "effect size, regions", "Anatomy", "Difference of mean volumes, in standard deviations; mean over the regions."
    ),
    "region_spread": _number(
        "spread of regions", "Anatomy", "Standard deviation of the volumes over that of real scans; 1 is expected."
    ),
    "regions_measured": _share("regions measured", "Anatomy", "Share of the volumes that could be measured at all."),
    "condition_age_error": _number("error of age", "Condition", "Years between the age asked for and the age read."),
    "condition_age_slope": _number("slope of age", "Condition", "Years read per year asked for; 1 is right."),
    "nn_ratio": _number(
        "nearest-neighbour ratio", "Privacy", "Distance to training scans over that to held-out ones; 1 is expected."
    ),
    "nn_ratio_p_value": _share(
        "p of that ratio", "Privacy", "How often chance alone gives a nearest-neighbour ratio as small."
    ),
    "authenticity": _share(
        "authenticity", "Privacy", "Share of samples that are farther from a training scan than its own neighbour is."
    ),
    "membership_auc": _share(
        "membership AUC", "Privacy", "How well closeness to samples tells who was trained on; 0.5 is a guess."
    ),
    "membership_rate": _share(
        "membership at 1 %", "Privacy", "Share of training scans found at 1 % false alarms; 0.01 is a guess."
    ),
    "copies": _number("copies", "Privacy", "Share of samples that count as copies of training scans."),
    "copies_found": _share("planted copies found", "Privacy", "Share of planted copies that the detector finds."),
    "release": _share("release", "Privacy", "1: nothing found against giving samples away; 0: something was found."),
}

_BEGINNINGS = {
    "ms_ssim": ("MS-SSIM", "Variety", "Likeness of pairs."),
    "mean_map": ("mean map", "Anatomy", "Voxel by voxel, to the mean real scan."),
    "region": ("regions", "Anatomy", "Volumes of regions."),
    "condition_accuracy": ("accuracy", "Condition", "Share of samples that are read as what they were asked to be."),
    "condition": ("condition", "Condition", "What a reader that was trained on real scans finds in the samples."),
    "memorisation": ("memorisation", "Privacy", "Whether samples are too close to training scans."),
    "nn_": ("nearest neighbour", "Privacy", "Distances to the nearest training scans."),
    "membership": ("membership", "Privacy", "How well closeness to samples tells who was trained on."),
    "copies": ("copies", "Privacy", "Samples that are copies of training scans."),
}
"""Beginning of a name -> title, group and meaning; what follows the beginning is added to the title."""

_SHARES = ("condition_accuracy",)


def words(metric: str) -> Words:
    """Return how a value is shown; one that is not known has its own name as title."""
    if metric in _KNOWN:
        return _KNOWN[metric]
    if metric.startswith("utility_"):
        return _utility(metric)
    for beginning, (title, group, meaning) in _BEGINNINGS.items():
        if metric.startswith(beginning):
            rest = metric.removeprefix(beginning).strip("_").replace("_", " ")
            make = _share if beginning in _SHARES else _number
            return make(f"{title}, {rest}" if rest else title, group, meaning)
    return _number(metric, "Other", "")


def _utility(metric: str) -> Words:
    """Return the words for a score of what was trained on real scans, samples, or both, and tested on real scans."""
    task, arm = metric.removeprefix("utility_"), ""
    for ending in ("synthetic_minus_real", "both_minus_real", "synthetic", "both", "real"):
        if task.endswith(f"_{ending}"):
            task, arm = task.removesuffix(f"_{ending}"), ending.replace("_", " ")
            break
    area = task.endswith("_auc")
    title = task.removesuffix("_auc").replace("_", " ") + (" AUC" if area else "")
    title += f", {arm}" if "minus" in arm else f", trained on {arm}" if arm else ""
    what = "Error in years" if task == "age" else "Area under the ROC curve" if area else "Balanced accuracy"
    meaning = f"{what} on held-out real scans; the floor is what training on real scans gives."
    known = task != "age" and "minus" not in arm
    return _share(title, "Utility", meaning) if known else _number(title, "Utility", meaning)


def metric_title(metric: str, better: str) -> str:
    """Return the metric's title with an arrow towards better values."""
    return f"{words(metric).title} {_ARROWS.get(better, '')}".strip()


def in_order(metrics: Iterable[str]) -> list[str]:
    """Return each metric once: by group, in a group those of this catalogue first, others as they came."""
    names, known, groups = list(dict.fromkeys(metrics)), list(_KNOWN), list(GROUPS)
    place = {name: known.index(name) if name in known else len(known) for name in names}
    return sorted(names, key=lambda name: (groups.index(words(name).group), place[name]))


def number(value: float, *, metric: str) -> str:
    """Return a value as people read it: shares to two decimals, others to three digits, missing as n/a."""
    if pd.isna(value):
        return "n/a"
    if words(metric).form == "share" and abs(value) < _LARGE:
        return f"{value:.2f}"
    if abs(value) >= _HUGE or 0 < abs(value) < _TINY:
        digits, power = f"{value:.1e}".split("e")
        return f"{digits}e{int(power)}"
    return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:#.3g}".rstrip(".")


def span(low: float, high: float, *, metric: str) -> str:
    """Return a range as people read it; empty where it is missing."""
    if pd.isna(low) or pd.isna(high):
        return ""
    return f"{number(low, metric=metric)} to {number(high, metric=metric)}"
