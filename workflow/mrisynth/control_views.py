"""Samples to look at: over two covariates and at both ends of each, at fixed latents, as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrisynth.control_view_files import ControlViews
from mrisynth.controlled import draw_rows, told_rows
from mrisynth.covariate_requests import extreme_requests, grid_requests, middle_values
from mrisynth.covariates.rows import CovariateRows
from mrisynth.sampling import Sampler
from mrisynth.seeds import derive_seed, numpy_generator

STEPS = 5
_DRAWN = 2000  # rows of covariates whose quantiles and middles are asked for
_HEADS = 4


def draw_views(sampler: Sampler, *, grid: Sequence[str], seed: int) -> ControlViews:
    """Draw samples over two covariates, and with each covariate at both its ends, the others in their middle.

    Quantiles and middles are of rows that the models of the covariates draw, equally many of each source.

    Args:
        sampler: a model of covariates.
        grid: names of two covariates; where the model does not know both there is no grid.
        seed: the study's seed; the latents follow it.
    """
    told, model = told_rows(sampler), sampler.recipe.name
    values = _drawn_values(told, seed=seed)
    seeds = [derive_seed(seed, "control heads", model, number) for number in range(_HEADS)]
    extremes = extreme_requests(values, told.covariates)
    heads = [
        [_heads(sampler, told, asked, seeds) for asked in extremes[:, end]]
        for end in (0, 1)
    ]  # fmt: skip
    shown = [name for name in grid if name in told.names]
    panels = np.zeros((0, 0, 0, *sampler.recipe.packed_shape), dtype=np.uint8)
    across = down = np.zeros(0)
    if len(shown) == 2:
        asked = grid_requests(values, told.covariates, across=shown[0], down=shown[1], steps=STEPS)
        across, down = asked[0, :, told.names.index(shown[0])], asked[:, 0, told.names.index(shown[1])]
        panels = np.stack([_panel(sampler, told, asked, source, seed=seed) for source in range(len(told.sources))])
    places = np.arange(len(told.covariates))
    return ControlViews(
        sources=np.array(told.sources),
        names=np.array(told.names),
        middle=middle_values(values, told.covariates),
        ends=np.stack([extremes[places, end, places] for end in (0, 1)]),
        heads=np.array(heads),
        grid=panels,
        grid_names=np.array(shown, dtype=np.str_),
        grid_across=across,
        grid_down=down,
    )


def _drawn_values(told: CovariateRows, *, seed: int) -> np.ndarray:
    """Return values [n, K] without gaps, sources in turn."""
    rows = np.full((_DRAWN, 1 + len(told.covariates)), np.nan)
    rows[:, 0] = np.arange(_DRAWN) % len(told.sources)
    return told.values(told.complete(rows, numpy_generator(seed, "control views")))[0]


def _heads(sampler: Sampler, told: CovariateRows, asked: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    """Return one image a latent of the same values [K], sources in turn."""
    sources = np.arange(len(seeds)) % len(told.sources)
    return draw_rows(sampler, told.rows(np.tile(asked, (len(seeds), 1)), sources), seeds, quiet=True)


def _panel(sampler: Sampler, told: CovariateRows, asked: np.ndarray, source: int, *, seed: int) -> np.ndarray:
    """Return the images of values [down, across, K], all of one latent and as in one source."""
    flat = asked.reshape(-1, asked.shape[-1])
    seeds = [derive_seed(seed, "control grid", sampler.recipe.name)] * len(flat)
    images = draw_rows(sampler, told.rows(flat, np.full(len(flat), source)), seeds, quiet=True)
    return images.reshape(*asked.shape[:2], *images.shape[1:])
