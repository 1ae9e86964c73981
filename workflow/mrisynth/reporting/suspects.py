"""The figure of the samples most like a training scan, each beside that scan: for the study's own eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.planes import PLANES, plane
from mrisynth.reporting.style import ALARM, INK, MUTED, NIGHT, empty_panel, house_style, new_figure, save
from mrisynth.store import Pyramid

_TILE_INCHES = 0.95
_LABEL_INCHES = 1.9
_PARTS = ("sample", "closest training scan", "difference")


@dataclass(frozen=True)
class Suspect:
    """A sample and the training scan that it is most like.

    Attributes:
        words: what stands beside the row.
        sample, scan: uint8 [x, y, z]; the scan mirrored where its mirror image is meant.
        flagged: whether it counts as a copy.
    """

    words: str
    sample: np.ndarray
    scan: np.ndarray
    flagged: bool


def most_suspicious(
    suspects: pd.DataFrame, samples: Sequence[np.ndarray], pyramid: Pyramid, *, count: int
) -> list[Suspect]:
    """Return the samples most like a training scan, the most similar first.

    Args:
        suspects: of :func:`mrisynth.memorisation_study.study_memorisation`.
        samples: uint8 [n, x, y, z] each, all samples in their order.
        pyramid: the packed real scans.
        count: most samples.
    """
    ends = np.cumsum([len(part) for part in samples])
    found = []
    for row in suspects[suspects["source"] == "sample"].head(count).itertuples():
        number = int(row.name)
        part = int(np.searchsorted(ends, number, side="right"))
        sample = np.asarray(samples[part][number - (ends[part] - len(samples[part]))])
        scan = np.asarray(pyramid.images[pyramid.rows([row.closest_scan])[0]])
        words = f"sample {number}\n{row.closest_scan}{' mirrored' if row.mirrored else ''}\n"
        words += f"similarity {row.similarity:.2f}, next {row.second:.2f}\n"
        words += "counts as a copy" if row.flagged else f"no copy (limit {row.limit:.2f})"
        found.append(Suspect(words, sample, scan[::-1] if row.mirrored else scan, bool(row.flagged)))
    return found


def suspects_figure(suspects: Sequence[Suspect], path: str | Path, *, model: str) -> None:
    """Draw sample, closest training scan and absolute difference in three planes, one row a suspect.

    The picture shows real scans and says so: it belongs to the study's folder, not to a report that is given away.

    Args:
        suspects: the most similar first; none draws a figure that says so.
        path: the PNG.
        model: name of the model.
    """
    with house_style():
        if not suspects:
            figure = new_figure(6, 1)
            empty_panel(figure.subplots(), f"{model}: no samples could be compared with training scans")
            save(figure, path)
            return
        columns = len(_PARTS) * len(PLANES)
        figure = new_figure(columns * _TILE_INCHES + _LABEL_INCHES, len(suspects) * _TILE_INCHES + 0.75)
        figure.suptitle(
            f"{model}: the samples most like a training scan\n"
            "This picture shows scans of real persons: it stays in the folder of the study.",
            x=0.01, ha="left", fontsize=9.5, fontweight="bold", color=INK,
        )  # fmt: skip
        grid = figure.subplots(len(suspects), columns, squeeze=False)
        for panels, suspect in zip(grid, suspects, strict=True):
            apart = np.abs(suspect.sample.astype(np.int16) - suspect.scan).astype(np.uint8)
            images = [plane(volume, name) for volume in (suspect.sample, suspect.scan, apart) for name in PLANES]
            for axes, image in zip(panels, images, strict=True):
                axes.set_facecolor(NIGHT)
                axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="auto")
                axes.grid(visible=False)
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
            panels[0].set_ylabel(
                suspect.words, rotation=0, ha="right", va="center", fontsize=7.5,
                color=ALARM if suspect.flagged else MUTED,
            )  # fmt: skip
        for part, name in enumerate(_PARTS):
            grid[0][part * len(PLANES)].set_title(name, fontsize=8, loc="left")
        figure.get_layout_engine().set(w_pad=0.012, h_pad=0.012, wspace=0.0, hspace=0.0)
        save(figure, path)
