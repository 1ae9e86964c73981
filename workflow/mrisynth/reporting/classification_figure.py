"""The figure of a classifier: its ROC curve with a band over resampled participants, and its confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from mrisynth.metrics.classification import Measure, classifier_measures, confusion_table
from mrisynth.metrics.participants import LEAST_PARTICIPANTS, fewest_participants
from mrisynth.metrics.roc import roc_band, roc_points
from mrisynth.reporting.style import INK, MUTED, PALETTE, PAPER, empty_panel, house_style, new_figure, save, wrapped

_RATES = np.linspace(0.0, 1.0, 201)
_SHARES = LinearSegmentedColormap.from_list("shares", [PAPER, PALETTE[0]])
_DARK = 0.6  # share from which letters are white


def classification_figure(
    probabilities: np.ndarray,
    labels: np.ndarray,
    participants: Sequence[str],
    path: str | Path,
    *,
    classes: Sequence[str],
    seed: int,
    title: str = "",
    replicates: int = 500,
) -> None:
    """Draw the ROC curve, of several classes one each against the rest, and the confusion matrix.

    The band holds 95 % of the curves of resampled participants at each false-positive rate; it is left out where a
    class has too few of them. Shades of the matrix are shares of the true class, with the numbers of scans.

    Args:
        probabilities: [n, classes].
        labels: int64 [n]; rows below 0 (missing) are left out.
        participants: the participant of each row; a sample is its own.
        path: PNG, SVG or PDF.
        classes: names of the classes.
        seed: of the resamples.
        title: one line above.
        replicates: resamples behind the bands and the interval of the area.
    """
    with house_style():
        save(
            classification_panels(
                probabilities, labels, participants, classes=classes, seed=seed, title=title, replicates=replicates
            ),
            path,
        )


def classification_panels(
    probabilities: np.ndarray, labels: np.ndarray, participants: Sequence[str], *, classes: Sequence[str], seed: int,
    title: str, replicates: int,
) -> Figure:  # fmt: skip
    """Return the figure; arguments as :func:`classification_figure`."""
    figure = new_figure(8.6, 4.3)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    curve, matrix = figure.subplots(1, 2, width_ratios=(1.1, 1))
    known = np.flatnonzero(labels >= 0)
    found = classifier_measures(probabilities, labels, participants, classes=classes, seed=seed, replicates=replicates)
    if np.isnan(found[0].value):
        empty_panel(curve, found[0].warning)
    else:
        groups = [participants[row] for row in known]
        _curves(curve, probabilities[known], labels[known], groups, found[0], classes, seed=seed, replicates=replicates)
    if len(known):
        _matrix(matrix, confusion_table(probabilities, labels, classes=classes).to_numpy(), classes, found)
    else:
        empty_panel(matrix, "no scan has a known class")
    return figure


def _curves(
    axes: Axes, probabilities: np.ndarray, labels: np.ndarray, groups: Sequence[str], auc: Measure,
    classes: Sequence[str], *, seed: int, replicates: int,
) -> None:  # fmt: skip
    two = len(classes) == 2
    enough = fewest_participants(labels, groups) >= LEAST_PARTICIPANTS
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), label="a guess")
    for number in [1] if two else np.unique(labels).tolist():
        colour = PALETTE[0 if two else number % len(PALETTE)]
        points = roc_points(probabilities, labels, positive=number)
        if enough:
            low, high = roc_band(
                probabilities, labels, groups, at=_RATES, seed=seed, positive=number, replicates=replicates
            )
            axes.fill_between(_RATES, low, high, color=colour, alpha=0.18 if two else 0.1, linewidth=0)
        words = classes[number] if two else f"{wrapped(classes[number], width=18)}: {points.area:.2f}"
        axes.plot(points.false_positive, points.true_positive, color=colour, linewidth=1.8, label=words)
    people = len(set(groups))
    axes.set_title(f"{'AUC' if two else 'Mean AUC'} {_numbers(auc)}")
    axes.set_xlabel(f"false-positive rate\n{len(labels)} scans of {people} participants" + _band_words(enough=enough))
    axes.set_ylabel("sensitivity")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(loc="lower right", handlelength=1.6, title="" if two else "area of each against the rest")


def _band_words(*, enough: bool) -> str:
    return "; band: 95 % of resamples" if enough else "; too few for a band"


def _numbers(measure: Measure) -> str:
    if np.isnan(measure.low):
        return f"{measure.value:.2f}"
    return f"{measure.value:.2f} ({measure.low:.2f} to {measure.high:.2f})"


def _matrix(axes: Axes, counts: np.ndarray, classes: Sequence[str], found: Sequence[Measure]) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=_SHARES, vmin=0, vmax=1)
    small = len(classes) > 4
    for row, column in np.ndindex(*counts.shape):
        share = "" if small or not counts[row].any() else f"\n{100 * shares[row, column]:.0f} %"
        axes.text(
            column, row, f"{counts[row, column]}{share}",
            ha="center", va="center", fontsize=8 if small else 10,
            color=PAPER if shares[row, column] >= _DARK else INK,
        )  # fmt: skip
    names = [wrapped(name, width=14) for name in classes]
    axes.set_xticks(range(len(classes)), names)
    axes.set_yticks(range(len(classes)), names)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    balanced = next(one for one in found if one.name == "balanced_accuracy")
    words = "n/a" if np.isnan(balanced.value) else _numbers(balanced)
    axes.set_title(f"Balanced accuracy {words}")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
