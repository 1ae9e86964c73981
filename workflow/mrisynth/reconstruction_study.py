"""The reconstructions of a model's autoencoder: test images and as many training images, there and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mrisynth.files import atomic
from mrisynth.metrics.reconstruction import COLUMNS, SPLITS, measure_reconstruction
from mrisynth.progress import track
from mrisynth.sampling import Sampler
from mrisynth.seeds import derive_seed
from mrisynth.slices.slice_set import open_slices
from mrisynth.store import from_unit, open_pyramid
from mrisynth.training.batches import as_images
from mrisynth.training.precision import computing_in

_SHOWN = 3


def split_images(
    folder: Path, *, size: int, scans: pd.DataFrame, is_volume: bool, most: int, seed: int
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the packed images and which of them to reconstruct.

    Args:
        folder: of the packed images.
        size: edge of the images.
        scans: the scans table, for volumes.
        is_volume: whether they are volumes.
        most: images of a split at most; those with the lowest hashes of their names.
        seed: the study's seed.

    Returns:
        uint8 images, and a table of ``row``, ``image``, ``participant_id`` and ``split``.
    """
    if is_volume:
        packed = open_pyramid(folder, size)
        known = scans.set_index(scans["scan"].astype(str)).loc[packed.scans]
        images, names = packed.images, packed.scans
        table = known[["participant_id", "split"]].reset_index(drop=True).assign(image=names, row=range(len(names)))
    else:
        slices = open_slices(folder, size)
        images, table = slices.images, slices.index[slices.index["row"].notna()].assign()
    table = table.astype({"image": str, "participant_id": str, "row": int})
    order = table["image"].map(lambda name: derive_seed(seed, "reconstruction", name))
    table = table.assign(order=order).sort_values("order")
    chosen = [table[table["split"] == split].head(most) for split in SPLITS]
    return images, pd.concat(chosen, ignore_index=True)[["row", "image", "participant_id", "split"]]


def reconstructed(sampler: Sampler, image: np.ndarray) -> np.ndarray:
    """Return what is left of a packed image after its latent's mean, uint8 of the same shape."""
    autoencoder = sampler.network.autoencoder
    given = as_images(torch.from_numpy(np.array(image)[None])).to(sampler.device)
    precision = sampler.recipe.precision if sampler.device != "cpu" else "fp32"
    with torch.inference_mode(), computing_in(precision, given):
        mean, _ = autoencoder.encode(given)
        made = autoencoder.decode(mean)
    made = made[:, 0] if made.shape[1] == 1 else made.movedim(1, -1)
    return from_unit(made[0].float().cpu().numpy())


def reconstruct(
    sampler: Sampler, images: np.ndarray, chosen: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Reconstruct the chosen images; return what was measured, one row an image, and the reconstructions by name."""
    rows, made = [], {}
    what = f"reconstructions of {sampler.recipe.name}"
    for entry in track(list(chosen.itertuples()), what, len(chosen)):
        made[entry.image] = reconstructed(sampler, images[entry.row])
        facts = {"image": entry.image, "participant_id": entry.participant_id, "split": entry.split}
        rows.append(facts | measure_reconstruction(np.asarray(images[entry.row]), made[entry.image]))
    return pd.DataFrame(rows, columns=list(COLUMNS)), made


def keep_shown(
    measured: pd.DataFrame, images: np.ndarray, chosen: pd.DataFrame, made: Mapping[str, np.ndarray], path: Path
) -> None:
    """Write images from the worst to the best by PSNR, evenly spaced, with their reconstructions.

    They are of the test split; of the training split where the test split has no image.

    Args:
        measured: of :func:`reconstruct`.
        images: all packed images.
        chosen: of :func:`split_images`.
        made: of :func:`reconstruct`.
        path: .npz; ``images`` and ``made``, uint8 [shown, ...], ``psnr`` in dB, float64 [shown], and ``split``, a text.
    """
    split = next(split for split in SPLITS if (measured["split"] == split).any())
    ordered = measured[measured["split"] == split].sort_values("psnr", kind="stable")
    places = np.linspace(0, len(ordered) - 1, min(_SHOWN, len(ordered))).round().astype(int)
    names = ordered["image"].to_numpy()[places]
    rows = chosen.set_index("image")["row"]
    stacks = {
        "images": np.stack([images[rows[name]] for name in names]),
        "made": np.stack([made[name] for name in names]),
        "psnr": ordered["psnr"].to_numpy()[places],
        "split": np.array(split),
    }
    with atomic(path) as unfinished, unfinished.open("wb") as stream:
        np.savez_compressed(stream, **stacks)
