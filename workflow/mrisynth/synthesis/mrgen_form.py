"""A synthesis of slices in MRGen's own form: pictures, and lists of all candidates and of those that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic
from mrisynth.imaging.label_maps import even_weights, grey_coded
from mrisynth.slices.mrgen_items import SyntheticItem
from mrisynth.slices.mrgen_json import write_synthetic
from mrisynth.slices.mrgen_masks import one_hot
from mrisynth.synthesis.kept import Candidates

MODALITY = "T1w"
_REGION = "whole brain"
_IMAGES, _MASKS = "synthetic_images", "synthetic_masks"


def write_mrgen(
    candidates: Candidates,
    chosen: pd.DataFrame,
    masks: np.ndarray,
    folder: Path,
    *,
    structures: Sequence[str],
    arguments: Mapping[str, Any],
) -> None:
    """Write a synthesis so that :func:`mrisynth.slices.mrgen_json.read_synthetic` and MRGen's own converter read it.

    Writes ``synthetic_images/``, ``synthetic_masks/`` (grey, and one picture a structure), and the lists of
    :func:`mrisynth.slices.mrgen_json.write_synthetic`, whose scores stand under SAM 2's name whatever the scorer was. A
    structure that the mask lacks has the scores 0, as MRGen writes them. Nothing leads back to a participant's files.

    Args:
        candidates: of all shards.
        chosen: of :func:`mrisynth.synthesis.chosen.choose_masks`.
        masks: of all packed slices, uint8 [n, row, column].
        folder: receives the files.
        structures: names of the classes, class 1 first.
        arguments: settings of the synthesis, as JSON has them.

    Raises:
        MrisynthError: the images are volumes.
    """
    if masks.ndim != 3:
        raise MrisynthError("MRGen's lists are of slices, and this synthesis is of volumes; use images.npy of it.")
    items: dict[tuple[str, int], SyntheticItem] = {}
    for index, entry in enumerate(chosen.to_dict("records")):
        name, mask = str(entry["mask"]), np.asarray(masks[int(entry["row"])])
        told = _write_mask(mask, folder, index=index, structures=structures)
        for row in candidates.of(name).to_dict("records"):
            key = name, int(row["try"])
            path = f"{_IMAGES}/{index:06d}_{key[1]:03d}.png"
            _write_picture(np.asarray(candidates.images[key]), folder / path)
            items[key] = SyntheticItem(image_path=path, **told, **_said(row, structures))
    record = candidates.record
    kept = record[record["kept"].fillna(value=False)]
    wanted = [items[str(mask), int(number)] for mask, number in zip(kept["mask"], kept["try"], strict=True)]
    write_synthetic(list(items.values()), folder, modality=MODALITY, kept=wanted, arguments=arguments)


def _write_mask(mask: np.ndarray, folder: Path, *, index: int, structures: Sequence[str]) -> dict[str, Any]:
    parts, start = one_hot(mask, structures=len(structures))[1:], f"{_MASKS}/{index:06d}"
    greys = grey_coded(mask, weights=even_weights(len(structures)))
    names = [f"{start}_{number}.png" for number in range(len(structures))]
    for name, values in zip([f"{start}.png", *names], [(greys + 1) * 127.5, *(parts * 255)], strict=True):
        _write_picture(np.rint(values).astype(np.uint8), folder / name)
    shown = tuple(name for name, part in zip(structures, parts, strict=True) if part.any())
    return {
        "index": index, "mask_path": f"{start}.png", "mask_paths": tuple(names), "region": _REGION, "organs": shown,
        "label": tuple(structures),
    }  # fmt: skip


def _said(row: Mapping[str, Any], structures: Sequence[str]) -> dict[str, Any]:
    scores = {
        f"organs_{what}": tuple(float(np.nan_to_num(row[f"{what}_{name}"])) for name in structures)
        for what in ("iou", "confidence")
    }
    means = {"average_iou": float(row["mean_iou"]), "average_confidence": float(row["mean_confidence"])}
    more = {"try": int(row["try"]), "seed": int(row["seed"]), "scorer": row["scorer"], "reason": row["reason"]}
    return {"prompt": row["prompt"], "more": more} | means | scores


def _write_picture(image: np.ndarray, path: Path) -> None:
    with atomic(path) as unfinished, unfinished.open("wb") as stream:
        Image.fromarray(np.ascontiguousarray(image)).save(stream, format="PNG")
