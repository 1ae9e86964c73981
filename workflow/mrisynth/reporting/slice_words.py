"""Words for views, and for the scores of slices, whose names hold a class or a condition."""

from __future__ import annotations

import re

_MEASURES = {  # of a classifier: title, how it is shown
    "auc": ("AUC", "share"),
    "accuracy": ("accuracy", "share"),
    "balanced_accuracy": ("balanced accuracy", "share"),
    "sensitivity": ("sensitivity", "share"),
    "specificity": ("specificity", "share"),
    "cross_entropy": ("cross-entropy", "number"),
    "brier": ("Brier score", "number"),
}
_CLASSIFIER = re.compile(rf"classifier_(calibrated_)?({'|'.join(_MEASURES)})")
_SEPARABILITY = re.compile(rf"separability_(.+)_({'|'.join(_MEASURES)})")
_SIMILARITY = re.compile(r"slice_ssim_(real_real|real_fake|fake_fake|gap)(_sd)?(?:_(.+))?")
_AREA_APART = re.compile(r"slice_area_(difference|effect)_(.+)_minus_(.+)")
_AREA = re.compile(r"slice_area(?:_(.+))?")
_PAIRS = {"real_real": "two real slices", "real_fake": "a real slice and a sample", "fake_fake": "two samples"}


def slice_words(metric: str) -> tuple[str, str, str, str] | None:
    """Return title, group, kind and meaning of a score of slices; None for any other.

    Group and kind are those of :mod:`mrisynth.reporting.catalogue`.
    """
    if found := _CLASSIFIER.fullmatch(metric):
        title, kind = _MEASURES[found[2]]
        meaning = "How well the critic names the class of real test slices"
        if found[1]:
            return f"critic's {title}, calibrated", "Condition", kind, f"{meaning}, calibrated by validation slices."
        return f"critic's {title}", "Condition", kind, f"{meaning}."
    if found := _SEPARABILITY.fullmatch(metric):
        title, kind = _MEASURES[found[2]]
        column = found[1].replace("_", " ")
        meaning = "How well a linear probe tells the classes of samples apart; the floor is that of real slices."
        return f"{column}, probe's {title}", "Condition", kind, meaning
    if found := _SIMILARITY.fullmatch(metric):
        of_class = f", {found[3]}" if found[3] else ""
        if found[1] == "gap":
            return (
                f"gap of SSIM{of_class}",
                "Variety",
                "number",
                "How far the likeness of samples is from that of real slices.",
            )
        spread = ", spread" if found[2] else ""
        meaning = "Likeness of pairs of slices of one class; real slices are as alike as the floor."
        return f"SSIM of {_PAIRS[found[1]]}{of_class}{spread}", "Variety", "number", meaning
    return _area_words(metric)


def _area_words(metric: str) -> tuple[str, str, str, str] | None:
    """Return the words for a score of the area of a structure."""
    if metric == "slice_area_measured":
        return "slices measured", "Condition", "share", "Share of slices in which an area could be measured."
    if found := _AREA_APART.fullmatch(metric):
        unit = ", mm²" if found[1] == "difference" else ", d"
        meaning = "Difference of the area of a structure between classes; the floor is that of real slices."
        return f"area of {found[2]} minus {found[3]}{unit}", "Condition", "number", meaning
    if found := _AREA.fullmatch(metric):
        of_class = f", {found[1]}" if found[1] else ""
        meaning = "Area of a structure in slices in mm²; the floor is that of real slices."
        return f"area{of_class}", "Condition", "number", meaning
    return None


def view_words(view: str) -> str:
    """Return a view in words: ``volumes of 64 voxels a side``, ``slices of 64 pixels a side``."""
    size = view.removeprefix("slice ")
    return f"volumes of {view} voxels a side" if size == view else f"slices of {size} pixels a side"
