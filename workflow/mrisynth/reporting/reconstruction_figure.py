"""The figure of reconstructions: images, what the autoencoder gives back, and what it loses."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrisynth.colour import in_colour
from mrisynth.planes import plane
from mrisynth.reporting.style import INK, house_style, new_figure, save

_ENHANCED = 4
_ROWS = ("image", "reconstruction", f"difference x {_ENHANCED}")
_TILE_INCHES = 1.7
_WHOSE = {"test": "Test images", "train": "Training images"}
_PLANES = ("coronal", "axial")


def reconstruction_figure(shown: str | Path, path: str | Path, *, model: str) -> None:
    """Draw each image above its reconstruction, and below four times their difference around grey.

    Args:
        shown: of :func:`mrisynth.reconstruction_study.keep_shown`; of volumes the middle coronal and axial slices are
            drawn.
        path: PNG, SVG or PDF.
        model: its name, for the title, which says of which split the images are.
    """
    with np.load(shown, allow_pickle=False) as stored:
        images, made, psnr = stored["images"], stored["made"], stored["psnr"]
        title = f"{_WHOSE[str(stored['split'])]} and what the autoencoder of {model} gives back"
    with house_style():
        first = _flat(images[0])
        wide = first.shape[1] / first.shape[0]
        figure = new_figure(max(4.0, len(images) * wide * _TILE_INCHES + 1.1), 3 * _TILE_INCHES + 0.8)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
        grid = figure.subplots(3, len(images), squeeze=False)
        words = ("worst", *[""] * (len(images) - 2), "best") if len(images) > 1 else ("",)
        for column, (image, again, decibels, word) in enumerate(zip(images, made, psnr, words, strict=True)):
            grid[0, column].set_title(f"{word} {decibels:.1f} dB".strip(), fontsize=8)
            for axes, picture in zip(grid[:, column], _rows(_flat(image), _flat(again)), strict=True):
                axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
                axes.set(xticks=[], yticks=[])
                axes.grid(visible=False)
        for axes, name in zip(grid[:, 0], _ROWS, strict=True):
            axes.set_ylabel(name)
        save(figure, path)


def _rows(image: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    difference = 127.5 + _ENHANCED * (again.astype(np.float32) - image)
    return image, again, np.clip(difference, 0, 255).astype(np.uint8)


def _flat(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2 or in_colour(image.shape):
        return image
    return np.concatenate([plane(image, name) for name in _PLANES], axis=1)
