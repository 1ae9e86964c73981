"""Figures of samples that a model of covariates draws on request: the grid over two, and both ends of each."""

from __future__ import annotations

from pathlib import Path

from mrisynth.control_view_files import ControlViews
from mrisynth.reporting.covariate_grid import covariate_grid
from mrisynth.reporting.extremes import Extreme, extremes_figure

_NOTHING = (0.0,) * 4  # room for a sentence


def grid_figure(views: ControlViews, path: Path, *, model: str) -> None:
    """Draw samples over two covariates, one panel a source; a model that knows but one of them has no images."""
    title = f"Samples of {model} at one latent"
    if not len(views.grid):
        room = ("", _NOTHING)
        covariate_grid(
            {"this model does not know both covariates": views.grid}, path, across=room, down=room, title=title
        )
        return
    names = views.grid_names.tolist()
    others = zip(views.names.tolist(), views.middle.tolist(), strict=True)
    held = ", ".join(f"{name} {value:.3g}" for name, value in others if name not in names)
    covariate_grid(
        {f"as in source {source}": images for source, images in zip(views.sources, views.grid, strict=True)},
        path,
        across=(names[0], views.grid_across.tolist()),
        down=(names[1], views.grid_down.tolist()),
        held=f"Held at their means: {held}" if held else "",
        title=title,
    )


def heads_figure(views: ControlViews, path: Path, *, model: str) -> None:
    """Draw each number at both its ends at the same latents, and what changed."""
    ends, (lowest, highest) = views.ends.tolist(), views.heads
    found = [
        Extreme(covariate=str(name), low=low, high=high, lowest=below, highest=above)
        for name, low, high, below, above in zip(views.names, *ends, lowest, highest, strict=True)
    ]
    extremes_figure(found, path, title=f"Samples of {model} with each covariate at both its ends")
