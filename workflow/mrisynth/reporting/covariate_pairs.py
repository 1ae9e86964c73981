"""The figure of covariates in pairs: what a model of them draws against what is known of real scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrisynth.covariates.kinds import Covariate
from mrisynth.reporting.density import SHARES, box_of, density_of
from mrisynth.reporting.style import MUTED, PALETTE, REAL, empty_panel, house_style, new_figure, save, wrapped
from mrisynth.seeds import numpy_generator

_BINS = 18
_PANEL_INCHES = 1.6
_MOST_SHOWN = 1500
_FEWEST_PAIRS = 3
_CONTOURS = (0.95, 0.5)
"""Shares of the points inside the drawn lines; both are among those of the density."""
_WITHIN = 0.28


@dataclass(frozen=True)
class _Group:
    """One table: its words in the legend and its colour."""

    values: np.ndarray
    words: str
    colour: str


def covariate_pairs_figure(
    real: np.ndarray, sampled: np.ndarray, path: str | Path, *, covariates: Sequence[Covariate], title: str,
    words: tuple[str, str] = ("real", "sampled"),
) -> None:  # fmt: skip
    """Draw every covariate and every pair of them, of real and of sampled rows.

    On the diagonal shares of either table; below it the points of both, with the lines that hold 50 and 95 % of the
    real ones and of the sampled ones; above it the correlations. Levels of binary covariates and categories are
    strewn about their number.

    Args:
        real: [n, K], real units, NaN where unknown; each panel shows the rows that know what it shows.
        sampled: [m, K], as ``real``; columns of NaN in both are left out.
        path: PNG, SVG or PDF.
        covariates: K, of which at least one has values.
        title: one line above.
        words: what to call both.
    """
    with house_style():
        save(covariate_pairs(real, sampled, covariates=covariates, title=title, words=words), path)


def covariate_pairs(
    real: np.ndarray, sampled: np.ndarray, *, covariates: Sequence[Covariate], title: str,
    words: tuple[str, str] = ("real", "sampled"),
) -> Figure:  # fmt: skip
    """Return the figure of :func:`covariate_pairs_figure`; to be called within the house style."""
    groups = (_Group(real, words[0], REAL), _Group(sampled, words[1], PALETTE[1]))
    shown = [k for k in range(len(covariates)) if any((~np.isnan(group.values[:, k])).any() for group in groups)]
    side = _PANEL_INCHES * len(shown)
    figure = new_figure(max(side, 4.2), max(side, 2.4) + 0.6)
    panels = figure.subplots(len(shown), len(shown), squeeze=False)
    for row, one in enumerate(shown):
        for column, other in enumerate(shown):
            axes = panels[row, column]
            if row == column:
                _distribution(axes, groups, covariates[one], one)
            elif row > column:
                _pair(axes, groups, (covariates[other], covariates[one]), (other, one))
            else:
                _correlations(axes, groups, (one, other))
            _outside(axes, covariates[other], covariates[one], row=row, column=column, last=len(shown) - 1)
    for row in range(len(shown)):
        for column in range(row + 1):
            panels[row, column].set_xlim(panels[column, column].get_xlim())
            if column < row:
                panels[row, column].set_ylim(panels[row, row].get_xlim())
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    marks = [figure.axes[0].plot([], [], "o", color=group.colour, markersize=5)[0] for group in groups]
    counts = [f"{group.words} ({len(group.values)} rows)" for group in groups]
    figure.legend(marks, counts, loc="outside lower left", ncols=2, handletextpad=0.2)
    return figure


def _known(values: np.ndarray, *columns: int) -> np.ndarray:
    part = values[:, list(columns)]
    return part[~np.isnan(part).any(axis=1)]


def _distribution(axes: Axes, groups: Sequence[_Group], covariate: Covariate, column: int) -> None:
    every = np.concatenate([_known(group.values, column)[:, 0] for group in groups])
    if covariate.levels:
        edges = np.arange(covariate.levels + 1) - 0.5
    else:
        low, high = float(every.min()), float(every.max())
        room = 0.04 * (high - low) or 0.5
        edges = np.linspace(low - room, high + room, _BINS + 1)
    top = 0.0
    for group in groups:
        values = _known(group.values, column)[:, 0]
        if not len(values):
            continue
        weights = np.full(len(values), 1 / len(values))
        heights, _, _ = axes.hist(values, bins=edges, weights=weights, color=group.colour, alpha=0.2)
        axes.hist(values, bins=edges, weights=weights, histtype="step", color=group.colour, linewidth=1.2)
        top = max(top, float(heights.max()))
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.1 * top), yticks=[])
    axes.spines["left"].set_visible(False)


def _pair(
    axes: Axes, groups: Sequence[_Group], covariates: tuple[Covariate, Covariate], columns: tuple[int, int]
) -> None:
    pairs = [_known(group.values, *columns) for group in groups]
    for turn in (1, 0):  # real points lie above
        part = pairs[turn][:_MOST_SHOWN]
        size = float(np.clip(900 / max(len(part), 1), 0.8, 7))
        places = np.stack([_strewn(part[:, k], covariates[k]) for k in range(2)], axis=1)
        axes.scatter(*places.T, s=size, color=groups[turn].colour, alpha=0.35, linewidths=0, rasterized=True)
    if not any(one.levels for one in covariates):
        for group, part in zip(groups, pairs, strict=True):
            _lines(axes, part, group.colour)
    if len(pairs[0]) < _FEWEST_PAIRS:
        axes.text(0.03, 0.97, "never known together", transform=axes.transAxes, va="top", fontsize=6, color=MUTED)


def _lines(axes: Axes, points: np.ndarray, colour: str) -> None:
    """Draw the lines that hold given shares of points [n, 2], which are scaled alike in both directions first."""
    if len(points) < _FEWEST_PAIRS or (np.ptp(points, axis=0) == 0).any():
        return
    centre, spread = points.mean(axis=0), points.std(axis=0)
    alike = (points[: 2 * _MOST_SHOWN] - centre) / spread
    density = density_of(alike, box=box_of(alike))
    if density is None:
        return
    levels = [density.levels[SHARES.index(share)] for share in _CONTOURS]
    x, y = density.x * spread[0] + centre[0], density.y * spread[1] + centre[1]
    axes.contour(x, y, density.values, levels=levels, colors=colour, linewidths=(0.9, 1.3))


def _strewn(values: np.ndarray, covariate: Covariate) -> np.ndarray:
    if not covariate.levels:
        return values
    return values + numpy_generator(0, "strewn", covariate.name).uniform(-_WITHIN, _WITHIN, len(values))


def _correlations(axes: Axes, groups: Sequence[_Group], columns: tuple[int, int]) -> None:
    empty_panel(axes, "")
    for height, group in zip((0.62, 0.38), groups, strict=True):
        part = _known(group.values, *columns)
        flat = len(part) < _FEWEST_PAIRS or (np.ptp(part, axis=0) == 0).any()
        words = f"{group.words}: -" if flat else f"r = {np.corrcoef(part.T)[0, 1]:+.2f}"
        look = {"ha": "center", "va": "center", "fontsize": 9, "transform": axes.transAxes}
        axes.text(0.5, height, words, color=group.colour, **look)


def _outside(axes: Axes, across: Covariate, upwards: Covariate, *, row: int, column: int, last: int) -> None:
    """Label the left and the lower edge of the figure alone."""
    axes.tick_params(labelsize=7)
    axes.locator_params(nbins=4)
    if across.levels and row >= column:
        axes.set_xticks(range(across.levels), across.categories or ["0", "1"])
    if upwards.levels and row > column:
        axes.set_yticks(range(upwards.levels), upwards.categories or ["0", "1"])
    if row == last:
        axes.set_xlabel(wrapped(across.name, width=14), fontsize=8)
    else:
        axes.tick_params(labelbottom=False)
    if column == 0:
        axes.set_ylabel(wrapped(upwards.name, width=14), fontsize=8)
    else:
        axes.tick_params(labelleft=False)
