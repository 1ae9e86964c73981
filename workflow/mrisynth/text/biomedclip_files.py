"""Which files of a folder BiomedCLIP is read from. Cheap to import."""

from __future__ import annotations

from pathlib import Path

from mrisynth.errors import MrisynthError

WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "model.safetensors",
    "open_clip_pytorch_model.bin",
    "pytorch_model.bin",
)
"""Files of weights, the first that is there."""


def weights_file(folder: str | Path) -> Path:
    """Return the file with the weights of a folder, or of its folder ``text_encoder``; see :func:`found_file`."""
    return found_file(Path(folder), "text_encoder", WEIGHTS)


def found_file(folder: Path, inner: str, names: tuple[str, ...]) -> Path:
    """Return the first of some files that a folder has, itself or in its folder ``inner``.

    Raises:
        MrisynthError: it has none of them.
    """
    for place in (folder, folder / inner):
        for name in names:
            if (place / name).is_file():
                return place / name
    raise MrisynthError(
        f"{folder} has no {' or '.join(names)}, neither itself nor in {inner}; put the published files there: nothing "
        "is downloaded."
    )
