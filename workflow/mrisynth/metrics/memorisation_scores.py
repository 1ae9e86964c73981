"""The memorisation scores of sets of samples in one feature space, beside what held-out real scans reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.metrics.authenticity import Authenticity, authenticity
from mrisynth.metrics.membership import FALSE_POSITIVES, members_found, membership_auc
from mrisynth.metrics.memorisation import NearestRatio, nearest_ratio
from mrisynth.metrics.nearest import by_participant, distances, participant_means
from mrisynth.metrics.origin import Origin
from mrisynth.metrics.scoring import KNOWS_SENTENCE, UNTRAINED_SENTENCE, Reals, Source
from mrisynth.metrics.table import Score, SourceKind
from mrisynth.seeds import numpy_generator

TRAINING_COPIES = "training_copies"
"""The control: half of the training scans, taken for samples; every score must notice it."""

_SUSPICIOUS = 0.05


def memorisation_scores(
    real: Reals, sources: Sequence[Source], *, view: str, seed: int, permutations: int, replicates: int, draws: int
) -> list[Score]:
    """Return nearest-neighbour ratio, its p value, authenticity and membership attack of each source.

    Members are the participants of the training split, non-members those of the test split; the validation split is
    used by neither, since it chose the model. The control :data:`TRAINING_COPIES` is added. Floors are one half of the
    held-out participants, taken for samples, against the training scans and the other half, over seeded draws.

    Args:
        real: the real scans in this feature space.
        sources: samples of the model and of its untrained generator.
        view: size of the volumes that were embedded.
        seed: the study's seed.
        permutations: exchanges of participants behind the p value.
        replicates: halves behind the intervals.
        draws: draws behind the floors.
    """
    meta = real.embeddings.meta
    sentences = () if meta["trained"] else (UNTRAINED_SENTENCE,)
    sentences += (KNOWS_SENTENCE,) if real.embeddings.knows_training_scans else ()
    origin = Origin(meta["features"], meta["weights_sha256"], meta["trained"], view, seed, sentences)
    space = _Space(
        real.embeddings,
        *(_Side(scans, [real.participants[scan] for scan in scans]) for scans in map(real.scans_of, ("train", "test"))),
    )
    floors = space.floors(seed, draws=draws)
    rows: list[Score] = []
    for source in (*sources, *space.control(seed)):
        settings = {
            "generator": numpy_generator(seed, "memorisation", meta["features"], source.name, source.kind),
            "replicates": replicates,
        }
        tests = permutations if source.kind == "model" else 0
        rows += _nearest_rows(origin, source, space, floors=floors["ratio"], permutations=tests, **settings)
        rows += _authenticity_rows(origin, source, space, floors=floors["authenticity"], **settings)
        likeness = space.likeness(source.embeddings.features, space.test)
        rows += membership_rows(origin, (source.name, source.kind), *likeness, floors=floors["auc"])
    return rows


def membership_rows(
    origin: Origin, source: tuple[str, SourceKind], members: np.ndarray, non_members: np.ndarray, *,
    floors: Sequence[float],
) -> Iterator[Score]:  # fmt: skip
    """Yield area and rate of a membership attack.

    Args:
        origin: what the rows share.
        source: name and kind of what was attacked.
        members, non_members: as in :func:`mrisynth.metrics.membership.membership_auc`.
        floors: areas of real scans over the draws.
    """
    n = min(len(members), len(non_members))
    for metric, attack, expected in (
        ("membership_auc", membership_auc, floors),
        ("membership_rate", members_found, (FALSE_POSITIVES,)),
    ):
        guess, sentence = _attempted(attack, members, non_members)
        numbers = {"value": np.nan} if guess is None else {"value": guess.value, "low": guess.low, "high": guess.high}
        floors_of_row = expected if guess is not None else ()
        yield origin.row(metric, source, better="neither", n=n, floors=floors_of_row, sentence=sentence, **numbers)


@dataclass(frozen=True)
class _Side:
    """Scans of one split and the participant of each."""

    scans: list[str]
    participants: list[str]

    def part(self, names: set[str]) -> _Side:
        """Return the scans of some participants."""
        kept = [pair for pair in zip(self.scans, self.participants, strict=True) if pair[1] in names]
        return _Side([scan for scan, _ in kept], [name for _, name in kept])


@dataclass(frozen=True)
class _Space:
    """Training and test scans in one feature space."""

    embeddings: Embeddings
    train: _Side
    test: _Side

    def features(self, side: _Side) -> np.ndarray:
        return self.embeddings.rows(side.scans)

    @cached_property
    def among_train(self) -> np.ndarray:
        """The distances between training scans."""
        return distances(self.features(self.train), self.features(self.train))

    def ratio(self, features: np.ndarray, test: _Side, **settings: Any) -> NearestRatio:
        to_train = by_participant(distances(features, self.features(self.train)), self.train.participants)
        to_test = by_participant(distances(features, self.features(test)), test.participants)
        return nearest_ratio(to_train, to_test, **settings)

    def authentic(self, features: np.ndarray, **settings: Any) -> Authenticity:
        to_train = distances(features, self.features(self.train))
        return authenticity(to_train, self.among_train, participants=self.train.participants, **settings)

    def likeness(self, features: np.ndarray, test: _Side) -> list[np.ndarray]:
        """Return how close the nearest sample comes to the scans of each training and of each test participant."""
        return [
            participant_means(-distances(self.features(side), features).min(axis=1), side.participants)
            for side in (self.train, test)
        ]

    def control(self, seed: int) -> Iterator[Source]:
        names = sorted(set(self.train.participants))
        chosen = numpy_generator(seed, "memorisation", TRAINING_COPIES).permutation(names)[: len(names) // 2]
        half = self.train.part(set(chosen))
        if half.scans:
            copies = replace(self.embeddings, features=self.features(half), ids=half.scans)
            yield Source(TRAINING_COPIES, "control", copies)

    def floors(self, seed: int, *, draws: int) -> dict[str, list[float]]:
        """Return each score of one half of the held-out participants, the other half standing for all of them."""
        found: dict[str, list[float]] = {"ratio": [], "authenticity": [], "auc": []}
        names = sorted(set(self.test.participants))
        for draw in range(draws):
            generator = numpy_generator(seed, "memorisation floor", draw)
            mixed = generator.permutation(names)
            one, other = (self.test.part(set(half)) for half in np.array_split(mixed, 2))
            if not one.scans or not other.scans:
                break
            features = self.features(one)
            ratio, _ = _attempted(self.ratio, features, other, generator=generator, permutations=0, replicates=0)
            share, _ = _attempted(self.authentic, features, generator=generator, replicates=2)
            area, _ = _attempted(membership_auc, *self.likeness(features, other))
            for name, value in (("ratio", ratio), ("authenticity", share), ("auc", area)):
                found[name].append(np.nan if value is None else value.value)
        return found


def _nearest_rows(
    origin: Origin, source: Source, space: _Space, *, floors: Sequence[float], permutations: int, **settings: Any
) -> Iterator[Score]:
    ratio, sentence = _attempted(
        space.ratio, source.embeddings.features, space.test, permutations=permutations, **settings
    )
    n = min(len(set(space.train.participants)), len(set(space.test.participants)))
    named = {"source": (source.name, source.kind), "better": "neither", "n": n}
    if ratio is None:
        yield origin.row("nn_ratio", sentence=sentence, value=np.nan, **named)
        return
    if np.isnan(ratio.value):
        sentence = "Not computed: all samples are copies of held-out scans."
    elif ratio.p_value < _SUSPICIOUS and source.kind == "model":
        sentence = f"Samples lie closer to training scans than to held-out ones (p = {ratio.p_value:.3g})."
    numbers = {"value": ratio.value, "low": ratio.low, "high": ratio.high}
    yield origin.row("nn_ratio", floors=floors, sentence=sentence, **numbers, **named)
    if permutations:
        yield origin.row("nn_ratio_p_value", value=ratio.p_value, sentence=sentence, **named)


def _authenticity_rows(
    origin: Origin, source: Source, space: _Space, *, floors: Sequence[float], **settings: Any
) -> Iterator[Score]:
    share, sentence = _attempted(space.authentic, source.embeddings.features, **settings)
    numbers = {"value": np.nan} if share is None else {"value": share.value, "low": share.low, "high": share.high}
    yield origin.row(
        "authenticity", (source.name, source.kind), better="neither", n=len(space.train.scans),
        floors=floors if share is not None else (), sentence=sentence, **numbers,
    )  # fmt: skip


def _attempted(compute: Callable[..., Any], *arguments: Any, **settings: Any) -> tuple[Any, str]:
    """Return the result and no words, or nothing and why."""
    try:
        return compute(*arguments, **settings), ""
    except MrisynthError as error:
        return None, f"Not computed: {error}"
