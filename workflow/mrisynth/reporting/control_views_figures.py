"""Figures of samples that a model of covariates draws on request: the grid over two, and both ends of each."""

from __future__ import annotations

from pathlib import Path

from mrisynth.control_view_files import ControlViews
from mrisynth.reporting.covariate_grid import covariate_grid
from mrisynth.reporting.extremes import Extreme, extremes_figure


def grid_figure(views: ControlViews, path: Path, *, model: str) -> None:
    """Draw samples over two covariates, one panel a source; a model that knows but one of them has no images."""
    names = views.grid_names.tolist() if len(views.grid) else ["", ""]
    panels = {f"as in source {source}": images for source, images in zip(views.sources, views.grid, strict=False)}
    held = [
        f"{name} {value:.3g}"
        for name, value in zip(views.names.tolist(), views.middle.tolist(), strict=True)
        if name not in names
    ]
    covariate_grid(
        panels or {"this model does not know both covariates": views.grid}, path,
        across=(names[0], views.grid_across.tolist()), down=(names[1], views.grid_down.tolist()),
        held=f"Held at their means: {', '.join(held)}" if held and panels else "",
        title=f"Samples of {model} at one latent",
    )  # fmt: skip


def heads_figure(views: ControlViews, path: Path, *, model: str) -> None:
    """Draw each number at both its ends at the same latents, and what changed."""
    ends, (lowest, highest) = views.ends.tolist(), views.heads
    found = [
        Extreme(covariate=str(name), low=low, high=high, lowest=below, highest=above)
        for name, low, high, below, above in zip(views.names, *ends, lowest, highest, strict=True)
    ]
    extremes_figure(found, path, title=f"Samples of {model} with each covariate at both its ends")
