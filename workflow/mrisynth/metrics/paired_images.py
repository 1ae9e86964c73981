"""Each real image against the fake of its own covariates: similarity, signal to noise, perceptual distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.participant_draws import ALL, Drawn, ParticipantDraws
from mrisynth.metrics.scoring import Scored
from mrisynth.metrics.slice_ssim import slice_ssim
from mrisynth.metrics.ssim import ms_ssim
from mrisynth.metrics.table import MISSING, Better, Score, SourceKind, score_table
from mrisynth.seeds import numpy_generator

NAME = "paired"
"""How the names of the numbers begin."""

SUMMARY = ["source", "measure", "mean", "low", "high", "sd", "floor", "n", "participants", "left_out", "warning"]
_TOP = 255.0


@dataclass(frozen=True, kw_only=True)
class Perceptual:
    """Distances by a network.

    Attributes:
        name: of the network, such as ``lpips_squeeze``; the name of the score.
        fake: [n], of each real image and its fake.
        others: [n], of each real image and the one of :func:`other_reals`; None leaves the floor out.
        sha256: of the weights, or words that say there are none.
        trained: false for random weights.
    """

    name: str
    fake: np.ndarray
    others: np.ndarray | None = None
    sha256: str
    trained: bool


@dataclass(frozen=True, kw_only=True)
class PairedImages:
    """What was found.

    Attributes:
        scored: in the form of :func:`mrisynth.metrics.table.score_table`, with resampled values.
        summary: columns :data:`SUMMARY`, one row a source and measure; ``sd`` is over images.
        pairs: one row an image: ``participant_id``, ``source`` and each measure.
    """

    scored: Scored
    summary: pd.DataFrame
    pairs: pd.DataFrame


def score_paired_images(
    real: np.ndarray, fake: np.ndarray, *, participants: Sequence[str], sources: Sequence[str], model: str,
    perceptual: Sequence[Perceptual] = (), others: np.ndarray | None = None, source: SourceKind = "model",
    reference: str = "test", seed: int, replicates: int = 500,
) -> PairedImages:  # fmt: skip
    """Return the means over images of how alike a real image and the fake of its own covariates are.

    ``paired_ssim`` (of volumes ``paired_ms_ssim``), ``paired_psnr`` in decibels and one number a network; with several
    sources each has its own rows, with ``_{source}`` at the end. Noise is the fake's own, so that even a perfect
    generator draws another head: the floor is the same of each real image and the real one of somebody else.
    Intervals are over participants; the original's deviations were over batches.

    Args:
        real, fake: uint8 [n, row, column], in colour with a last axis of 3, or volumes [n, x, y, z]; row by row.
        participants, sources: of each real image.
        model, source, reference: of the scores.
        perceptual: distances by networks.
        others: int64 [n], of :func:`other_reals`; None leaves the floor out.
        seed: the study's seed.
        replicates: resamplings behind each interval.

    Raises:
        MrisynthError: the two sets have different shapes or a list another length.
    """
    lengths = {len(real), len(participants), len(sources), *(len(one.fake) for one in perceptual)}
    if real.shape != fake.shape or len(lengths) != 1:
        raise MrisynthError(
            f"Found real images {real.shape}, fakes {fake.shape} and lists of {sorted(lengths)} rows; expected one "
            "fake, participant, source and distance for each real image."
        )
    values = _pixel_measures(real, fake) | {one.name: np.asarray(one.fake, dtype=np.float64) for one in perceptual}
    floors = {} if others is None else _pixel_measures(real, real[others])
    floors |= {one.name: one.others for one in perceptual if one.others is not None}
    draws = ParticipantDraws(participants, sources, seed=seed, replicates=replicates)
    networks = {one.name: one for one in perceptual}
    fields = {"model": model, "source": source, "view": _view(real), "reference": reference, "seed": seed}
    summary, scores, resampled = [], [], {}
    for where, measure in ((where, measure) for where in draws.sources for measure in values):
        found = values[measure]
        rows = np.flatnonzero(draws.of(where) & np.isfinite(found))
        one, floor = _mean(draws, found, rows), _floor(draws, floors.get(measure), where)
        left_out = int(draws.of(where).sum()) - len(rows)
        summary.append(
            {"source": where, "measure": measure, "mean": one.value, "low": one.low, "high": one.high}
            | {"sd": float(found[rows].std(ddof=1)) if len(rows) > 1 else MISSING, "floor": floor.value}
            | {"n": len(rows), "participants": one.participants, "left_out": left_out, "warning": one.warning}
        )
        name = measure if where == ALL else f"{measure}_{where}"
        measured = fields | _measured_by(networks.get(measure)) | {"better": _better(measure)}
        scores.append(_score(name, one, floor, left_out=left_out, fields=measured))
        if np.isfinite(one.error):
            resampled[scores[-1].key] = one.value + one.deviations
    pairs = pd.DataFrame({"participant_id": list(participants), "source": list(sources)} | values)
    return PairedImages(
        scored=Scored(score_table(scores), resampled), summary=pd.DataFrame(summary, columns=SUMMARY), pairs=pairs
    )


def other_reals(participants: Sequence[str], sources: Sequence[str], *, seed: int) -> np.ndarray:
    """Return for each real image a row of another participant, of the same source where there is one, int64 [n].

    Raises:
        MrisynthError: all images are of one participant.
    """
    people, where = np.asarray(participants, dtype=str), np.asarray(sources, dtype=str)
    generator, found = numpy_generator(seed, "other real images"), np.empty(len(people), dtype=np.int64)
    for row, (person, source) in enumerate(zip(people, where, strict=True)):
        strangers = np.flatnonzero(people != person)
        if not len(strangers):
            raise MrisynthError("All real images are of one participant; two or more are needed to compare people.")
        near = strangers[where[strangers] == source]
        found[row] = generator.choice(near if len(near) else strangers)
    return found


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 images in decibels; infinite for equal ones."""
    error = float(np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2))
    return 10.0 * math.log10(_TOP**2 / error) if error else math.inf


def perceptual_distances(
    one: Sequence[np.ndarray], other: Sequence[np.ndarray], weights: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the perceptual distance of pairs of images from their feature maps (Zhang et al. 2018), float64 [n].

    Each place's channels are scaled to length 1; squared differences are weighted by channel, averaged over space and
    summed over the layers.

    Args:
        one, other: of each layer, [n, channels, ...]; equal shapes.
        weights: of each layer, [channels], 0 or more.
    """
    total = np.zeros(len(one[0]))
    for first, second, weight in zip(one, other, weights, strict=True):
        gap = (_unit_length(first) - _unit_length(second)) ** 2
        total += (gap * weight.reshape(1, -1, 1)).sum(axis=1).mean(axis=1)
    return total


def _unit_length(maps: np.ndarray) -> np.ndarray:
    flat = maps.reshape(*maps.shape[:2], -1).astype(np.float64)
    return flat / (np.sqrt((flat**2).sum(axis=1, keepdims=True)) + 1e-10)


def _pixel_measures(one: np.ndarray, other: np.ndarray) -> dict[str, np.ndarray]:
    volumes = one.ndim == 4 and one.shape[-1] != 3
    name, similarity = ("ms_ssim", ms_ssim) if volumes else ("ssim", slice_ssim)
    pairs = list(zip(one, other, strict=True))
    return {
        name: np.array([similarity(*pair) for pair in pairs], dtype=np.float64),
        "psnr": np.array([psnr(*pair) for pair in pairs], dtype=np.float64),
    }


def _measured_by(network: Perceptual | None) -> dict[str, Any]:
    if network is None:
        return {"features": "pixels", "features_sha256": "none: pixels", "features_trained": True}
    return {"features": network.name, "features_sha256": network.sha256, "features_trained": network.trained}


def _score(name: str, one: Drawn, floor: Drawn, *, left_out: int, fields: Mapping[str, Any]) -> Score:
    low, high = floor.range_90
    note = f"Left out: {left_out} pairs without a finite value." if left_out else ""
    return Score(
        metric=f"{NAME}_{name}", value=one.value, low=one.low, high=one.high, floor=floor.value, floor_low=low,
        floor_high=high, n=one.participants, warning=" ".join(filter(None, (one.warning, note))), **fields,
    )  # fmt: skip


def _better(measure: str) -> Better:
    return "higher" if measure in ("ssim", "ms_ssim", "psnr") else "lower"


def _view(images: np.ndarray) -> str:
    flat = images.ndim == 3 or images.shape[-1] == 3
    return f"slice {images.shape[1]}" if flat else str(images.shape[1])


def _mean(draws: ParticipantDraws, values: np.ndarray, rows: np.ndarray) -> Drawn:
    weights = draws.weights[:, rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        return draws.estimate(weights @ values[rows] / weights.sum(axis=1), rows, measure="mean")


def _floor(draws: ParticipantDraws, values: np.ndarray | None, where: str) -> Drawn:
    if values is None:
        return Drawn(value=MISSING, participants=0, deviations=np.empty(0))
    return _mean(draws, values, np.flatnonzero(draws.of(where) & np.isfinite(values)))
