"""How well an autoencoder gives back images that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.quantiles import t_95
from mrisynth.metrics.slice_ssim import slice_ssim
from mrisynth.metrics.ssim import ms_ssim
from mrisynth.metrics.table import MISSING, Better, Score, score_table

MEASURES: dict[str, Better] = {"l1": "lower", "mse": "lower", "psnr": "higher", "ssim": "higher"}
COLUMNS = ("image", "participant_id", "split", *MEASURES)
SPLITS = ("test", "train")


def measure_reconstruction(real: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """Compare an image with its reconstruction.

    Args:
        real: uint8 [x, y, z], [row, column] or [row, column, channel].
        made: the same shape.

    Returns:
        ``l1`` and ``mse``, the mean absolute and squared error of intensities of 0 to 1; ``psnr``, 10 log10(1 / mse) in
        dB, infinite for equal images; ``ssim``, of volumes :func:`~mrisynth.metrics.ssim.ms_ssim`, of slices
        :func:`~mrisynth.metrics.slice_ssim.slice_ssim`.

    Raises:
        MrisynthError: the shapes or types differ.
    """
    if real.shape != made.shape or not real.dtype == made.dtype == np.uint8:
        raise MrisynthError(
            f"An image {real.dtype} {real.shape} and its reconstruction {made.dtype} {made.shape} cannot be compared; "
            "expected uint8 of one shape."
        )
    difference = (real.astype(np.float64) - made) / 255.0
    squared = float((difference**2).mean())
    is_volume = real.ndim == 3 and len(set(real.shape)) == 1
    return {
        "l1": float(np.abs(difference).mean()),
        "mse": squared,
        "psnr": float("inf") if squared == 0 else float(-10 * np.log10(squared)),
        "ssim": ms_ssim(real, made) if is_volume else slice_ssim(real, made),
    }


def score_reconstruction(measured: pd.DataFrame, *, model: str, view: str, seed: int) -> pd.DataFrame:
    """Return the means over participants of the test and of the training split, as a table of scores.

    A participant's value is the mean over their images, and the interval is Student's t over participants. Images of
    the training split, which the autoencoder has learnt from, stand as the score's second reference: what it loses of
    others beside them.

    Args:
        measured: one row an image, :data:`COLUMNS`.
        model: name of the model.
        view: what the model is of.
        seed: the study's seed.
    """
    scores = []
    for split in SPLITS:
        people = measured[measured["split"] == split].groupby("participant_id")[list(MEASURES)].mean()
        for name, better in MEASURES.items():
            low, high = _ends(people[name].to_numpy())
            scores.append(
                Score(
                    metric=f"reconstruction_{name}", model=model, source="model", features="voxels",
                    features_sha256="none: voxels", features_trained=True, view=view, reference=split,
                    value=float(people[name].mean()) if len(people) else MISSING, low=low, high=high, better=better,
                    n=len(people), seed=seed, warning="" if len(people) else f"No image of the {split} split.",
                )
            )  # fmt: skip
    return score_table(scores)


def _ends(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    values = np.asarray(values)
    if len(values) < 2 or not np.isfinite(values).all():
        return MISSING, MISSING
    reach = t_95(len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - reach), float(values.mean() + reach)
