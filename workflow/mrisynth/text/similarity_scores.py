"""Similarity of images and prompts as scores: samples of a model beside real test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mrisynth.metrics.participant_draws import Drawn
from mrisynth.metrics.table import MISSING, Better, Score, score_table
from mrisynth.text.nearest_prompts import nearest_prompts
from mrisynth.text.similarity import MEASURES, paired_similarity

NAME = "text_similarity"
"""How the names of the scores begin."""

KINDS = ("image_text", "image_image")
SUMMARY = ["kind", "images", "measure", "value", "low", "high", "participants", "warning", "encoder"]
"""Columns of the summary, one row a kind, set of images and measure."""

SAMPLES, REAL = "samples", "real"

_BETTER: dict[str, Better] = {"pairs": "higher", "others": "neither", "gap": "higher"}


@dataclass(frozen=True, kw_only=True)
class EmbeddedPairs:
    """Images and their prompts, embedded, row by row a pair.

    Attributes:
        names: [n], of the images.
        participants: [n], whose they are; a sample of nobody is its own.
        images: [n, features], as images are compared with one another.
        shown: [n, components], the same images as they are compared with prompts.
        prompts: [n, components].
    """

    names: Sequence[str]
    participants: Sequence[str]
    images: np.ndarray
    shown: np.ndarray
    prompts: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """What made the embeddings.

    Attributes:
        name: in words, which stand beside every number; they say that a network is untrained.
        features: name of the space that scores are grouped by.
        sha256: of its network, or words that say there is none.
        trained: false for random networks of images.
        warnings: what a reader of the numbers must know.
    """

    name: str
    features: str
    sha256: str
    trained: bool
    warnings: Sequence[str] = field(default_factory=tuple)


def similarity_scores(
    samples: EmbeddedPairs, real: EmbeddedPairs, encoder: Encoder, *, model: str, view: str, seed: int, replicates: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of a model and the summary with what real test images reach.

    * ``image_text``: the cosine of an image and its own prompt; others are the prompts of other samples, or people.
    * ``image_image``: the cosine of an image and the real test image, of somebody else, whose prompt is nearest to its
      own; others are the real images that others were paired with. Participants of both sets are those of the real
      images: a sample has none.

    Args:
        samples: of the model.
        real: test images, of participants that no network was trained on.
        encoder: what made the embeddings.
        model: name of the model.
        view: size of the images, such as ``slice 64``.
        seed: the study's.
        replicates: resamplings behind each interval.

    Returns:
        A table of :func:`mrisynth.metrics.table.score_table`, whose floor is what real test images reach, and one of
        :data:`SUMMARY`.
    """
    rows, scores = [], []
    for kind in KINDS:
        found = {
            name: _means(kind, pairs, real, seed=seed, replicates=replicates)
            for name, pairs in ((SAMPLES, samples), (REAL, real))
        }
        for name, means in found.items():
            rows += [_row(kind, name, measure, means[measure], encoder) for measure in MEASURES]
        for measure in MEASURES:
            mine, ceiling = found[SAMPLES][measure], found[REAL][measure]
            low, high = ceiling.range_90
            scores.append(
                Score(
                    metric=f"{NAME}_{kind}_{measure}", model=model, source="model", features=encoder.features,
                    features_sha256=encoder.sha256, features_trained=encoder.trained, view=view, reference="test",
                    value=mine.value, low=mine.low, high=mine.high, floor=ceiling.value, floor_low=low,
                    floor_high=high, better=_BETTER[measure], n=mine.participants, seed=seed,
                    warning=_sentences(mine, encoder),
                )
            )  # fmt: skip
    return score_table(scores), pd.DataFrame(rows, columns=SUMMARY)


def _means(kind: str, pairs: EmbeddedPairs, real: EmbeddedPairs, *, seed: int, replicates: int) -> dict[str, Drawn]:
    if kind == "image_text":
        return _similarity(
            pairs.shown, pairs.prompts, pairs.participants, pairs.participants, seed=seed, replicates=replicates
        )
    partners = nearest_prompts(
        pairs.prompts, real.prompts, names=pairs.names, participants=pairs.participants,
        other_participants=real.participants, seed=seed,
    )  # fmt: skip
    rows = np.flatnonzero(partners >= 0)
    whose = [real.participants[row] for row in partners[rows]]
    people = [real.participants[row] for row in rows] if pairs is real else whose
    return _similarity(pairs.images[rows], real.images[partners[rows]], people, whose, seed=seed, replicates=replicates)


def _similarity(
    first: np.ndarray, second: np.ndarray, people: Sequence[str], whose: Sequence[str], *, seed: int, replicates: int
) -> dict[str, Drawn]:
    if not len(first):
        nothing = Drawn(value=MISSING, participants=0, deviations=np.empty(0), warning="Not computed: no pairs.")
        return dict.fromkeys(MEASURES, nothing)
    return paired_similarity(first, second, participants=people, partners=whose, seed=seed, replicates=replicates).means


def _row(kind: str, images: str, measure: str, drawn: Drawn, encoder: Encoder) -> dict[str, object]:
    columns = ("value", "low", "high", "participants")
    told = {"kind": kind, "images": images, "measure": measure, "encoder": encoder.name}
    return told | {name: getattr(drawn, name) for name in columns} | {"warning": _sentences(drawn, encoder)}


def _sentences(drawn: Drawn, encoder: Encoder) -> str:
    return " ".join(filter(None, (drawn.warning, *encoder.warnings)))
