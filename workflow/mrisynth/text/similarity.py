"""How alike paired embeddings are, of two images or of an image and its text, beside wrong pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.participant_draws import ALL, Drawn, ParticipantDraws

MEASURES = ("pairs", "others", "gap")

_BLOCK = 512  # rows that are compared with all others at once


@dataclass(frozen=True, kw_only=True)
class PairedSimilarity:
    """What was found.

    Attributes:
        pairs: float64 [n], cosine of each pair, -1 to 1.
        others: float64 [n], mean cosine of each embedding of the first set with those that the second set has of other
            participants; missing (NaN) where there are none. What a model reaches that does not listen.
        means: for each of :data:`MEASURES` its mean with the 95 % interval; ``gap`` is by how much pairs are more
            alike than others.
    """

    pairs: np.ndarray
    others: np.ndarray
    means: dict[str, Drawn]

    def table(self) -> pd.DataFrame:
        """Return the means: ``measure``, ``value``, ``low``, ``high``, ``participants``, ``warning``."""
        columns = ("value", "low", "high", "participants", "warning")
        rows = [{name: getattr(drawn, name) for name in columns} for drawn in self.means.values()]
        return pd.DataFrame(rows).assign(measure=list(self.means))[["measure", *columns]]


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine of each row of two sets of embeddings, float64 [n], -1 to 1.

    Args:
        first, second: [n, features].

    Raises:
        MrisynthError: their shapes differ, or an embedding is not finite or nothing but 0, as that of an empty prompt.
    """
    one, other = np.asarray(first), np.asarray(second)
    if one.shape != other.shape or one.ndim != 2:
        raise MrisynthError(f"Found embeddings of {one.shape} and {other.shape}; expected two equal [n, features].")
    return np.clip((unit_rows(one, "first") * unit_rows(other, "second")).sum(axis=1), -1.0, 1.0)


def paired_similarity(
    first: np.ndarray,
    second: np.ndarray,
    *,
    participants: Sequence[str],
    partners: Sequence[str] | None = None,
    seed: int,
    replicates: int = 1000,
) -> PairedSimilarity:
    """Return how alike the rows of two sets are, such as images and their prompts, or synthetic and real images.

    MRGen reports both means alone (CLIP scores); the cosine of wrong pairs says what part of them any pair has, since
    all heads are alike. Whatever made the embeddings must be named beside the numbers. Intervals are over
    participants, drawn anew with replacement, by Student's t; below four participants there are none.

    Args:
        first, second: [n, features], row by row a pair.
        participants: [n], whose each pair is; a sample of nobody is its own.
        partners: [n], whose the embeddings of the second set are, where pairs are of two people: others are then
            neither of the one nor of the other. None: as ``participants``.
        seed: of the draws, which two models share.
        replicates: how many.

    Raises:
        MrisynthError: as :func:`cosines`, or there is not one participant a pair.
    """
    pairs = cosines(first, second)
    if len(participants) != len(pairs):
        raise MrisynthError(f"Found {len(participants)} participants of {len(pairs)} pairs; expected one a pair.")
    whose = participants if partners is None else partners
    if len(whose) != len(pairs):
        raise MrisynthError(f"Found {len(whose)} partners of {len(pairs)} pairs; expected one a pair.")
    others = _others(np.asarray(first), np.asarray(second), participants, whose)
    values = {"pairs": pairs, "others": others, "gap": pairs - others}
    draws = ParticipantDraws(participants, [ALL] * len(pairs), seed=seed, replicates=replicates)
    return PairedSimilarity(pairs=pairs, others=others, means={name: _mean(values[name], draws) for name in MEASURES})


def unit_rows(embeddings: np.ndarray, which: str) -> np.ndarray:
    """Return embeddings [n, features] with length 1, float64.

    Args:
        embeddings: the rows.
        which: words for them, for errors.

    Raises:
        MrisynthError: one is not finite or nothing but 0.
    """
    rows = embeddings.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if (wrong := ~(np.isfinite(lengths) & (lengths > 0))).any():
        row = int(np.flatnonzero(wrong)[0])
        raise MrisynthError(
            f"The {which} embeddings have no direction in row {row} (its length is {lengths[row, 0]:g}); expected "
            "finite ones other than 0, so leave empty prompts out."
        )
    return rows / lengths


def _others(first: np.ndarray, second: np.ndarray, participants: Sequence[str], partners: Sequence[str]) -> np.ndarray:
    """Return the mean cosine of each row of the first set with the rows of other people, NaN without any."""
    count = len(participants)
    _, codes = np.unique(np.asarray([*participants, *partners], dtype=str), return_inverse=True)
    person, partner = codes[:count], codes[count:]
    one, other = unit_rows(first, "first"), unit_rows(second, "second")
    found = np.full(count, np.nan)
    for start in range(0, count, _BLOCK):
        rows = slice(start, start + _BLOCK)
        kept = (partner[None] != person[rows, None]) & (partner[None] != partner[rows, None])
        sums, counts = ((one[rows] @ other.T) * kept).sum(axis=1), kept.sum(axis=1)
        np.divide(sums, counts, where=counts > 0, out=found[rows])
    return found


def _mean(values: np.ndarray, draws: ParticipantDraws) -> Drawn:
    known = np.isfinite(values)
    weights = draws.weights[:, known]
    totals = weights.sum(axis=1)
    means = np.divide(weights @ values[known], totals, where=totals > 0, out=np.full(len(totals), np.nan))
    return draws.estimate(means, known, measure="mean")
