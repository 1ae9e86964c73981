"""What people are told of each metric: its title, its group, its numbers, its axis and one sentence of meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from mrisynth.reporting.slice_words import slice_words

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


_KINDS: dict[str, dict[str, Any]] = {
    "share": {"form": "share", "ends": (0.0, 1.0)},
    "decimals": {"form": "share"},
    "number": {},
    "log": {"scale": "log"},
    "asinh": {"scale": "asinh"},
}

_TABLE = {  # group -> name, title, kind, meaning
    "Fidelity": (
        ("fid", "FID", "log",
         "Fréchet distance: how far mean and spread of the features of samples are from those of real scans."),
        ("kid", "KID", "asinh",
         "Kernel distance of the features; 0 is expected of equal sets, and chance takes it below."),
        ("precision", "precision", "share",
         "Share of samples that lie among real scans."),
        ("density", "density", "decimals",
         "How many neighbourhoods of real scans a sample lies in; about 1 for real scans."),
        ("clipped_density", "clipped density", "share",
         "The share of good samples that would give this fidelity; outliers cannot raise it."),
        ("reconstruction_l1", "L1 of reconstructions", "number",
         "Mean absolute error of what the autoencoder gives back, of intensities of 0 to 1."),
        ("reconstruction_mse", "MSE of reconstructions", "number",
         "Mean squared error of the same."),
        ("reconstruction_psnr", "PSNR of reconstructions", "number",
         "The same in dB; samples cannot be sharper than what the autoencoder gives back."),
        ("reconstruction_ssim", "SSIM of reconstructions", "share",
         "Structural similarity of images and what the autoencoder gives back."),
    ),
    "Variety": (
        ("recall", "recall", "share",
         "Share of real scans that lie among samples."),
        ("coverage", "coverage", "share",
         "Share of real scans with a sample in their neighbourhood."),
        ("clipped_coverage", "clipped coverage", "share",
         "The share of good samples that would give this coverage; outliers cannot raise it."),
        ("fid_fake_fake", "FID within samples", "number",
         "How far two halves of the samples are apart; they repeat themselves below the floor, that of real scans."),
        ("kid_fake_fake_sd", "spread of KID within samples", "number",
         "How much the kernel distance of two halves of the samples moves; its mean is 0 for halves of any set."),
        ("ms_ssim", "MS-SSIM of pairs", "number",
         "Likeness of pairs of samples; real scans are as alike as the floor."),
        ("ms_ssim_gap", "gap of MS-SSIM", "number",
         "How far that likeness is from that of real scans."),
    ),
    "Anatomy": (
        ("mean_map_mse", "MSE to the mean map", "number",
         "Mean square distance of a sample from the mean real scan."),
        ("mean_map_mse_gap", "gap of the MSE to the mean map", "number",
         "How far that distance is from that of real scans."),
        ("region_wasserstein", "Wasserstein, regions", "number",
         "Distance of the volumes of a region, in standard deviations; their mean."),
        ("region_wasserstein_joint", "Wasserstein, regions jointly", "number",
         "The same distance of all regions together, with how they go together."),
        ("region_effect_size", "effect size, regions", "number",
         "Difference of mean volumes, in standard deviations; mean over the regions."),
        ("region_spread", "spread of regions", "number",
         "Standard deviation of the volumes over that of real scans; 1 is expected."),
        ("regions_measured", "regions measured", "share",
         "Share of the volumes in which tissues were found."),
    ),
    "Condition": (
        ("condition_accuracy", "accuracy", "share",
         "Share of samples that are read as what they were asked to be, mean over the classes."),
        ("condition_age_error", "error of age", "number",
         "Years between the age asked for and the age read."),
        ("condition_age_slope", "slope of age", "number",
         "Years read per year asked for; 1 is right."),
        ("text_similarity_image_text_gap", "similarity to text, gap", "number",
         "By how much samples are more alike to their own prompts than to others; the floor is that of real scans."),
        ("text_similarity_image_text_pairs", "similarity to text", "number",
         "Cosine of samples and their prompts; the floor is that of real scans."),
        ("text_similarity_image_text_others", "similarity to wrong text", "number",
         "Cosine of samples and prompts of others: what a model reaches that does not listen."),
        ("text_similarity_image_image_gap", "similarity to scans of the prompt, gap", "number",
         "By how much samples are more alike to the real scan of the nearest prompt than to others."),
        ("text_similarity_image_image_pairs", "similarity to scans of the prompt", "number",
         "Cosine of samples and the real scan of the nearest prompt; the floor is that of two real scans."),
        ("text_similarity_image_image_others", "similarity to other scans", "number",
         "Cosine of samples and real scans that others were paired with."),
    ),
    "Privacy": (
        ("nn_ratio", "nearest-neighbour ratio", "number",
         "Distance to training scans over that to held-out ones; 1 is expected."),
        ("nn_ratio_p_value", "p of the nearest-neighbour ratio", "share",
         "How often chance alone gives a nearest-neighbour ratio as small."),
        ("authenticity", "authenticity", "share",
         "Share of samples that are farther from a training scan than its own neighbour is."),
        ("membership_auc", "membership AUC", "share",
         "How well closeness to samples tells who was trained on; 0.5 is a guess."),
        ("membership_rate", "membership at 1 %", "share",
         "Share of training scans found at 1 % false alarms; 0.01 is a guess."),
        ("copies", "copies", "number",
         "Share of samples that count as copies of training scans."),
        ("copies_found", "planted copies found", "share",
         "Share of planted copies that the detector finds."),
        ("release", "release", "share",
         "1: nothing found against giving samples away; 0: something was found."),
    ),
}  # fmt: skip

_KNOWN = {
    name: Words(title=title, group=group, meaning=meaning, **_KINDS[kind])
    for group, rows in _TABLE.items()
    for name, title, kind, meaning in rows
}

_ACCURACY = "condition_accuracy"
_UTILITY = "utility_"
_ARMS = ("synthetic_minus_real", "both_minus_real", "synthetic", "both", "real", "reverse")
_BY_CLASS = "_by_class_"


def words(metric: str) -> Words:
    """Return how a value is shown; one that is not known has its own name as title."""
    if metric in _KNOWN:
        return _KNOWN[metric]
    if metric.startswith(f"{_ACCURACY}_"):
        column = metric.removeprefix(f"{_ACCURACY}_").replace("_", " ")
        return replace(_KNOWN[_ACCURACY], title=f"{_KNOWN[_ACCURACY].title}, {column}")
    if metric.startswith(_UTILITY):
        return _utility(metric)
    if metric.partition(_BY_CLASS)[0] in _KNOWN:
        return _of_class(metric)
    if about := slice_words(metric):
        title, group, kind, meaning = about
        return Words(title=title, group=group, meaning=meaning, **_KINDS[kind])
    return Words(title=metric, group="Other", meaning="")


def _of_class(metric: str) -> Words:
    """Return the words for a score of one class of a condition, such as ``fid_by_class_sex:f``."""
    value, _, of_class = metric.partition(_BY_CLASS)
    whole = _KNOWN[value]
    title = f"{whole.title}, {of_class.replace('_', ' ').replace(':', ': ', 1)}"
    meaning = f"{whole.title} of samples of one class, asked for or all that the model draws, against real scans of it."
    if "_fake_fake" in value:
        meaning = f"{whole.title} of one class; the floor is that of real scans of it."
    return replace(whole, title=title, group="Condition", meaning=meaning)


def _utility(metric: str) -> Words:
    """Return the words for a score of what was trained on real scans, samples, or both, or tested on samples."""
    task, arm = _task_and_arm(metric)
    target, area = task.removesuffix("_auc").replace("_", " "), task.endswith("_auc")
    difference, years = "minus" in arm, target == "age"
    reverse = arm == "reverse"
    told = "trained on real, tested on samples" if reverse else arm if difference else f"trained on {arm}"
    title = target + (" AUC" if area else "") + (f", {told}" if arm else "")
    what = "Error in years" if years else "Area under the ROC curve" if area else "Balanced accuracy"
    meaning = f"{what} on held-out real scans; the floor is what training on real scans gives."
    if reverse:
        meaning = f"{what} on samples of who learned from real scans; above the floor, samples exaggerate their class."
    if difference:
        meaning = f"{what} on held-out real scans, less what training on real scans alone gives."
    return Words(title=title, group="Utility", meaning=meaning, **_KINDS["number" if difference or years else "share"])


def _task_and_arm(metric: str) -> tuple[str, str]:
    """Return what is predicted (``sex_auc``), and the arm in words; empty where the name has none."""
    task = metric.removeprefix(_UTILITY)
    arm = next((arm for arm in _ARMS if task.endswith(f"_{arm}")), "")
    return task.removesuffix(f"_{arm}"), arm.replace("_", " ")


def metric_title(metric: str, better: str) -> str:
    """Return the metric's title with an arrow towards better values."""
    return f"{words(metric).title} {_ARROWS.get(better, '')}".strip()


def meanings(metrics: Iterable[str]) -> dict[str, str]:
    """Return titles -> the sentence on them; values with the same sentence stand together."""
    titles: dict[str, list[str]] = {}
    for about in map(words, metrics):
        if about.meaning:
            titles.setdefault(about.meaning, []).append(about.title)
    return {"; ".join(named): meaning for meaning, named in titles.items()}


def in_order(metrics: Iterable[str]) -> list[str]:
    """Return each metric once: by group, in a group those of this catalogue first, others as they came.

    All scores of one thing that is predicted (utility) stand together.
    """
    names, known, groups = list(dict.fromkeys(metrics)), list(_KNOWN), list(GROUPS)
    place = {name: known.index(name) if name in known else len(known) for name in names}
    tasks = {name: _task_and_arm(name)[0].removesuffix("_auc") if name.startswith(_UTILITY) else name for name in names}
    first = list(dict.fromkeys(tasks.values()))
    return sorted(names, key=lambda name: (groups.index(words(name).group), place[name], first.index(tasks[name])))


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
