"""Figures of a model's latents: reconstructions, the way between two scans, walks along directions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.reporting.style import empty_panel, house_style, new_figure, save
from mrisynth.reporting.volumes import gallery

_WALK = "walk:"
_STILL = 0.1 / 255  # mean change over a walk, scans in [0, 1], that nobody sees


def latent_figures(
    volumes: Path,
    table: pd.DataFrame,
    *,
    model: str,
    reconstructions: Path,
    interpolation: Path,
    directions: Path,
) -> None:
    """Draw what :func:`mrisynth.latent_study.latent_study` left.

    Args:
        volumes: its .npz of volumes.
        table: its table of directions.
        model: name of the model.
        reconstructions: PNG of real scans, what the generator makes of their latents, and the difference.
        interpolation: PNG of the way between the first two of them.
        directions: PNG of the first of them, moved along directions.
    """
    with np.load(volumes, allow_pickle=False) as stored:
        found = {name: stored[name] for name in stored.files}
    split, real, made = found["split"].item(), found["real"], found["made"]
    apart = np.abs(real.astype(np.int16) - made).astype(np.uint8)
    rows = {f"{split} scans": real, "reconstructed": made, "difference": apart}
    gallery(rows, reconstructions, title=f"{model}: the first {split} scans and what is made of their latents")
    ways = {f"{path} way": found[path] for path in ("spherical", "linear")}
    gallery(ways, interpolation, title=f"{model}: between the first two {split} scans, both reconstructed")
    walks = {
        _walk_label(table.set_index("covariate").loc[name.removeprefix(_WALK)], name.removeprefix(_WALK)): images
        for name, images in found.items()
        if name.startswith(_WALK)
    }
    if walks:
        title = f"{model}: the first {split} scan, moved by -2 to 2 standard deviations"
        gallery(walks, directions, title=title)
    else:
        _nothing(directions)


def _walk_label(row: pd.Series, name: str) -> str:
    goal = "" if row["towards"] == "more" else f" to {row['towards']}"
    doubt = "" if row["r2"] > max(0.0, row["r2_chance"]) else "\nno better than chance"
    if row["moved"] < _STILL:
        doubt += "\npicture stands still"
    return f"{name}{goal}\nR² {row['r2']:.2f}{doubt}"


def _nothing(path: Path) -> None:
    with house_style():
        figure = new_figure(4, 1)
        empty_panel(figure.subplots(), "no covariate has enough scans and values")
        save(figure, path)
