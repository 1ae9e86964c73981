"""Images and masks that a list of MRGen names, and a set of them written: labels are never averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.grey_image import read_grey, to_square
from mrisynth.imaging.nifti_stream import is_nifti
from mrisynth.imaging.picture import read_picture
from mrisynth.slices.mrgen_items import MOST_MASKS, ConditionalItem, SyntheticItem
from mrisynth.slices.mrgen_json import MrgenList, list_name, write_list

_PER_FOLDER = 1000


@dataclass(frozen=True, kw_only=True)
class MaskedSlice:
    """A slice with its label map.

    Attributes:
        image: uint8 [row, column], 0..255, row 0 at the top.
        labels: uint8 [row, column], 0 for none, else 1 + the number of the mask.
    """

    image: np.ndarray
    labels: np.ndarray


def read_masked(listed: MrgenList, item: ConditionalItem | SyntheticItem, *, size: int | None = None) -> MaskedSlice:
    """Read the image and the masks of an item.

    A pixel is of a structure where its mask has more than half of the mask's largest value: masks of 0 and 1, of 0
    and 255, and ones whose edges MRGen has averaged are read alike. Where masks overlap, the later one counts, as when
    MRGen converts them for nnU-Net. With ``size`` both are padded to a square; images are averaged onto the new grid,
    labels are those of the nearest old pixel.

    Args:
        listed: the list that the item is of.
        item: with or without masks.
        size: pixels a side; None: as they are.

    Raises:
        ScanError: a file is missing, outside, or no picture, or shapes differ (``wrong_size``).
    """
    image = read_picture(listed.path(item.image_path), colour=False)
    labels = np.zeros(image.shape, dtype=np.uint8)
    for number, written in enumerate(item.mask_paths):
        if not written:
            continue
        mask = _mask(listed.path(written))
        if mask.shape != labels.shape:
            found, expected = (" x ".join(map(str, shape)) for shape in (mask.shape, labels.shape))
            raise ScanError("wrong_size", f"{written} has {found} pixels (rows x columns), its image has {expected}.")
        labels[mask] = number + 1
    if size is None:
        return MaskedSlice(image=image, labels=labels)
    return MaskedSlice(image=to_square(image, size=size), labels=nearest_square(labels, size=size))


def one_hot(labels: np.ndarray, *, structures: int) -> np.ndarray:
    """Return one mask a structure, uint8 [1 + structures, ...] of 0 and 1; the first is what no structure covers.

    Args:
        labels: int [...], 0 to ``structures``.

    Raises:
        MrisynthError: a label is larger, or below 0.
    """
    if labels.size and not 0 <= labels.min() <= labels.max() <= structures:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise MrisynthError(f"Found the label {wrong}; expected 0 to {structures}, one a structure.")
    return (labels[None] == np.arange(1 + structures).reshape(-1, *[1] * labels.ndim)).astype(np.uint8)


def nearest_square(labels: np.ndarray, *, size: int) -> np.ndarray:
    """Pad a label map with 0 to a square around its centre and take the nearest pixel for each of ``size`` x ``size``.

    The square is that of :func:`mrisynth.imaging.grey_image.to_square`, so that image and labels stay in register.

    Args:
        labels: [row, column].
        size: pixels a side.

    Returns:
        [size, size], of the same type.
    """
    edge = max(labels.shape)
    before = [(edge - length) // 2 for length in labels.shape]
    margins = [(b, edge - length - b) for b, length in zip(before, labels.shape, strict=True)]
    chosen = ((2 * np.arange(size) + 1) * edge) // (2 * size)  # the pixel under the middle of each new one
    return np.pad(labels, margins)[np.ix_(chosen, chosen)]


def write_masked(
    folder: str | Path,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    dataset: str,
    part: str,
    structures: Sequence[str],
    modality: str,
    attributes: str = "",
    region: str = "whole brain",
) -> Path:
    """Write slices of one modality as MRGen's third stage reads them, and return the list's path.

    Writes ``{dataset}_{modality}_{part}/00000/img00000000.png`` ..., a mask of 0 and 255 for each structure beside it,
    and, last, ``{dataset}_{modality}_{part}.json``, whose paths are those below ``folder``.

    Args:
        folder: receives the files.
        images: uint8 [n, row, column], 0..255, row 0 at the top.
        labels: integers [n, row, column], 0 for none, else 1 + the number of the structure.
        dataset: name of the data set.
        part: ``train``, ``test`` or ``all``.
        structures: names of all labels from 1 on.
        modality, attributes, region: words for all of the slices.

    Raises:
        MrisynthError: images and labels do not fit, there is a label without a name, or a name has a comma.
    """
    folder = Path(folder)
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape != labels.shape:
        raise MrisynthError(
            f"{folder}: {images.dtype} images of shape {images.shape} came with labels of {labels.shape}; expected "
            "uint8 [image, row, column], and labels alike."
        )
    if not 0 < len(structures) <= MOST_MASKS or any("," in name or not name.strip() for name in structures):
        raise MrisynthError(f"{folder}: expected 1 to {MOST_MASKS} names of structures, without commas.")
    path = folder / list_name(dataset, modality, part)
    path.unlink(missing_ok=True)
    items = []
    for row, (image, own) in enumerate(zip(images, labels, strict=True)):
        start = f"{path.stem}/{row // _PER_FOLDER:05d}/img{row:08d}"
        (folder / start).parent.mkdir(parents=True, exist_ok=True)
        masks = one_hot(own, structures=len(structures))[1:]
        names = [f"{start}_mask{number}.png" for number in range(len(masks))]
        for name, values in zip([f"{start}.png", *names], [image, *(masks * 255)], strict=True):
            Image.fromarray(np.ascontiguousarray(values)).save(folder / name, format="PNG")
        shown = tuple(name for name, mask in zip(structures, masks, strict=True) if mask.any())
        items.append(
            ConditionalItem(
                image_path=f"{start}.png", mask_paths=tuple(names), modality=modality, modality_attributes=attributes,
                region=region, label=tuple(structures), organs=shown, shape=(image.shape[0], image.shape[1]),
                dataset=dataset,
            )
        )  # fmt: skip
    write_list(items, path)
    return path


def _mask(path: Path) -> np.ndarray:
    """Return what a mask covers, bool [row, column]; nothing where it is 0 everywhere."""
    values = read_picture(path, colour=False) if is_nifti(path) else read_grey(path, flat=True)
    return values > values.max() / 2
