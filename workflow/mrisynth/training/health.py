"""The health of a training: does the generator still make different brains, and is the critic still in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

COLLAPSED_BELOW = 0.3
"""Diversity of a generator that repeats itself.

Measured on trainings of 5000 to 8000 images on heads at 32 and 64 voxels: one that drew the same brain every time to
the eye, with recall 0, still had 0.26; the others had 0.40 to 1.3, untrained generators 1.5 to 2.9.
"""

SATURATED_FROM = 0.995
"""Share of real-fake pairs ranked right from which a critic has nothing left to learn or to teach."""

SATURATED_SHARE = 0.1
"""Part of the training over which a critic must rank so before it counts as saturated."""

SATURATED = "critic saturated"
"""How the sentence about a saturated critic begins."""

_LEAST_ROWS = 20
_CONSTANT_BELOW = 1.0 / 255  # standard deviation within a volume in [-1, 1]: less than one grey level
_VOXELS_AT_ONCE = 1 << 20

CurveRow = Mapping[str, float]


def diversity(samples: np.ndarray, reals: np.ndarray) -> float:
    """Return how much samples differ among themselves, compared with real scans: 1 as much, 0 not at all.

    Each side is the mean over its pairs of the root-mean-square difference of their voxels. Noise differs more than
    brains do, so a value above 1 is no praise.

    Args:
        samples: [sample, x, y, z], two or more, any scale that both sides share.
        reals: [scan, x, y, z] in the same scale, two or more.

    Returns:
        NaN when a value is not finite, a side has one volume, or the real scans are all alike.
    """
    among_reals = _mean_distance(reals)
    return _mean_distance(samples) / among_reals if among_reals > 0 else float("nan")


def sample_warning(samples: np.ndarray, *, diversity: float) -> str:
    """Return what is wrong with samples, a sentence that begins with the name of the fault, or nothing.

    ``not finite`` goes before ``constant`` (volumes of one grey value) and ``collapsed`` (diversity below
    :data:`COLLAPSED_BELOW`).

    Args:
        samples: float [sample, x, y, z] in [-1, 1].
        diversity: of :func:`diversity`.
    """
    volumes = samples.reshape(len(samples), -1)
    broken = sum(not np.isfinite(volume).all() for volume in volumes)
    if broken:
        return f"not finite: {broken} of {len(samples)} samples hold values that are no numbers"
    flat = sum(float(volume.std()) < _CONSTANT_BELOW for volume in volumes)
    if flat:
        return f"constant: {flat} of {len(samples)} samples are one grey value all over"
    if diversity < COLLAPSED_BELOW:
        return (
            f"collapsed: the samples differ by {diversity:.3f} of what real scans differ (below {COLLAPSED_BELOW}), "
            "so the generator repeats itself"
        )
    return ""


def critics_right(rows: Sequence[CurveRow]) -> dict[str, float]:
    """Return for each critic the mean share of real-fake pairs that it ranked right, from columns ``right_*``.

    Rows without a value for a critic do not count; a critic without any value is left out.
    """
    names = dict.fromkeys(name for row in rows for name in row if name.startswith("right_"))
    found = {
        name.removeprefix("right_"): [row[name] for row in rows if np.isfinite(row.get(name, np.nan))] for name in names
    }
    return {name: float(np.mean(values)) for name, values in found.items() if values}


def saturation_warning(rows: Sequence[CurveRow], *, images_total: int) -> str:
    """Return a sentence that begins with :data:`SATURATED` when one is at the end of these rows, or nothing.

    A critic is saturated when it ranked at least :data:`SATURATED_FROM` of the pairs right over the last
    :data:`SATURATED_SHARE` of the training. Only losses of a logistic kind saturate; they are never negative, while a
    Wasserstein critic that ranks right has a negative loss, and goes on teaching. Fewer than 20 rows say nothing.

    Args:
        rows: rows of the loss curve in order, with ``images_seen``, the losses and ``right_*``.
        images_total: training images of the whole training.
    """
    window = _last_share(rows, images=SATURATED_SHARE * images_total)
    if len(window) < _LEAST_ROWS or not _logistic(window):
        return ""
    name, share = max(critics_right(window).items(), key=lambda item: item[1], default=("", 0.0))
    if share < SATURATED_FROM:
        return ""
    return (
        f"{SATURATED}: critic {name} ranked {share:.1%} of real and synthetic pairs right over the last "
        f"{SATURATED_SHARE:.0%} of the training, so the generator learns little from it"
    )


def _mean_distance(volumes: np.ndarray) -> float:
    """Return the mean over pairs of the root-mean-square difference; memory for a million voxels at a time."""
    flat = volumes.reshape(len(volumes), -1)
    if len(flat) < 2 or not np.isfinite(flat).all():
        return float("nan")
    squares = np.zeros((len(flat), len(flat)))
    for start in range(0, flat.shape[1], _VOXELS_AT_ONCE):
        part = flat[:, start : start + _VOXELS_AT_ONCE].astype(np.float32)
        part -= part.mean(axis=0)
        squares += part @ part.T
    own = np.diag(squares)
    first, second = np.triu_indices(len(flat), k=1)
    apart = own[first] + own[second] - 2 * squares[first, second]
    return float(np.sqrt(np.maximum(apart, 0) / flat.shape[1]).mean())


def _last_share(rows: Sequence[CurveRow], *, images: float) -> list[CurveRow]:
    """Return the last rows that together cover this many images; nothing when all of them cover fewer."""
    if len(rows) < 2:
        return []
    first_covers = rows[1]["images_seen"] - rows[0]["images_seen"]
    end = rows[-1]["images_seen"]
    if end - (rows[0]["images_seen"] - first_covers) < images:
        return []
    return [row for row in rows if row["images_seen"] > end - images]


def _logistic(rows: Sequence[CurveRow]) -> bool:
    named = [value for row in rows for name, value in row.items() if name.startswith(("critic_", "generator_"))]
    losses = [value for value in named if np.isfinite(value)]
    return bool(losses) and min(losses) >= 0
