"""The scores of sets of samples in one feature space: each with its interval, beside what real scans reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.metrics.comparison import Comparison, Metric, metric
from mrisynth.metrics.features import standardised
from mrisynth.metrics.intervals import Interval, interval
from mrisynth.metrics.table import Score, SourceKind, score_table
from mrisynth.seeds import numpy_generator

REFERENCES = ("test", "train")

UNTRAINED_SENTENCE = "Features of an untrained random network: compare only within this study."

KNOWS_SENTENCE = "The feature network learned from the training scans and knows them: read the test reference."
"""Of spaces whose floor is of held-out scans alone, and whose train reference says little."""

NEIGHBOUR_SCANS = 1000
"""Below this many scans a set, shares of nearest-neighbour balls move by several hundredths from draw to draw."""

_NEIGHBOUR_METRICS = ("precision_recall", "density_coverage")


@dataclass(frozen=True)
class Reals:
    """The real scans of a study in one feature space.

    Attributes:
        embeddings: of all embedded real scans.
        splits: scan -> ``train``, ``validation`` or ``test``; scans without features (excluded ones) are passed over.
        participants: scan -> participant; intervals resample participants.
    """

    embeddings: Embeddings
    splits: Mapping[str, str]
    participants: Mapping[str, str]

    @classmethod
    def of(cls, embeddings: Embeddings, scans: pd.DataFrame) -> Reals:
        """Return embeddings with what the scans table says (``scan``, ``participant_id`` and ``split``)."""
        splits, participants = (
            dict(zip(scans["scan"], scans[column], strict=True)) for column in ("split", "participant_id")
        )
        return cls(embeddings, splits, participants)

    def scans_of(self, split: str) -> list[str]:
        """Return the embedded scans of a split; errors as :func:`scans_of`, and for a scan without a participant."""
        scans = scans_of(split, self.embeddings, self.splits)
        unknown = [scan for scan in scans if scan not in self.participants]
        if unknown:
            raise MrisynthError(f"{len(unknown)} embedded real scans have no participant (first: {unknown[0]}).")
        return scans


@dataclass(frozen=True)
class Source:
    """A set that is scored: samples of a model, of its untrained generator, or a control.

    Attributes:
        name: the model, or the control's own name.
        kind: what it is; the ``source`` of its scores.
        embeddings: its features.
    """

    name: str
    kind: SourceKind
    embeddings: Embeddings


@dataclass(frozen=True)
class Scored:
    """Scores, and the resampled values behind their intervals.

    Attributes:
        table: in the form of :func:`mrisynth.metrics.table.score_table`.
        replicates: :attr:`mrisynth.metrics.table.Score.key` -> its resampled values [r].
    """

    table: pd.DataFrame
    replicates: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict)


def score_sources(
    name: str, *, real: Reals, sources: Sequence[Source], view: str, seed: int, draws: int = 20,
    replicates: int = 200, k: int = 3,
) -> Scored:  # fmt: skip
    """Return a row per source, reference and value of one metric, in one feature space.

    Both sets of a comparison hold the same number n of scans, and n is the same for all sources given here.

    * reference ``test``: n test scans against n samples; the floor is n test scans against n training scans, or, to a
      network that learned from the training scans, against other test and validation scans.
    * reference ``train``: half the training scans against n samples; the floor is one half against the other. (The
      halves are drawn by scan: a participant with two scans may stand in both, which lowers the floor.)

    What must be chosen is chosen anew in each of ``draws`` seeded draws, the same for every model, and values and
    floors are means over the draws. Intervals are those of such means (:func:`mrisynth.metrics.intervals.interval`).
    Scans of the validation split are used for nothing else. The kernel distance is that of features in standard
    deviations of the training scans: its cubic kernel would otherwise see the few features with the largest numbers.

    Args:
        name: ``fid``, ``kid``, ``precision_recall`` or ``density_coverage``.
        real: the real scans.
        sources: what is scored.
        view: size of the volumes that were embedded, with `` low`` after it for low resolution.
        seed: the study's seed.
        draws: random draws behind each value and floor.
        replicates: resamplings behind each interval.
        k: neighbours of precision, recall, density and coverage.

    Raises:
        MrisynthError: the metric is unknown, a source was embedded by another network than the real scans, or
            a real scan has no split.
    """
    chosen = metric(name, k=k)
    check_same_features(real.embeddings, sources)
    scans = {split: real.scans_of(split) for split in REFERENCES}
    groups = {split: real.embeddings.rows(ids) for split, ids in scans.items()}
    if real.embeddings.knows_training_scans:
        groups["held_out"] = real.embeddings.rows([*scans["test"], *real.scans_of("validation")])
    scale = groups["train"] if name == "kid" and len(groups["train"]) else None
    groups = {split: _scaled(features, scale) for split, features in groups.items()}
    rows: list[Score] = []
    resampled = {}
    for reference in REFERENCES:
        n = _equal_number(reference, groups, sources)
        enough = n >= chosen.smallest
        warning = _warning(name, n=n, real=real.embeddings, groups=groups, smallest=chosen.smallest)
        task = _Task(chosen, reference, groups, [real.participants[scan] for scan in scans[reference]], n, draws, seed)
        floors = task.floors() if enough else None
        for source in sources:
            values = found = None
            if enough:
                comparison = chosen.between(groups[reference], _scaled(source.embeddings.features, scale))
                values = task.values(comparison, len(source.embeddings.features))
                found = task.interval(comparison, len(source.embeddings.features), replicates=replicates)
            meta = real.embeddings.meta
            for column, value in enumerate(chosen.values):
                score = Score(
                    metric=value.name, model=source.name, source=source.kind, features=meta["features"],
                    features_sha256=meta["weights_sha256"], features_trained=meta["trained"], view=view,
                    reference=reference, better=value.better, n=n, seed=seed,
                    warning=" ".join(filter(None, (found.gap(column) if found else "", warning))),
                    **_numbers(column, values, found, floors),
                    **_ends(column, value.lowest, value.highest, values, found),
                )  # fmt: skip
                rows.append(score)
                if found is not None:
                    resampled[score.key] = found.replicates[:, column]
    return Scored(score_table(rows), resampled)


def scans_of(split: str, real: Embeddings, splits: Mapping[str, str]) -> list[str]:
    """Return the embedded scans of a split.

    Raises:
        MrisynthError: an embedded scan has no split.
    """
    unknown = [scan for scan in real.ids if scan not in splits]
    if unknown:
        raise MrisynthError(f"{len(unknown)} embedded real scans have no split (first: {unknown[0]}).")
    return [scan for scan in real.ids if splits[scan] == split]


@dataclass(frozen=True)
class _Task:
    """One metric against one reference: which scans and samples stand against one another in each draw."""

    metric: Metric
    reference: str
    groups: Mapping[str, np.ndarray]
    participants: list[str]
    n: int
    draws: int
    seed: int

    def floors(self) -> np.ndarray:
        """Return the metric of real against real scans, [draws, values]."""
        other = _others(self.reference, self.groups)
        comparison = self.metric.between(self.groups[self.reference], self.groups[other])
        return np.array([comparison(*self._real_rows(draw)) for draw in range(self.draws)])

    def values(self, comparison: Comparison, samples: int) -> np.ndarray:
        """Return the metric of real scans against samples, [draws, values]."""
        everything_used = self.reference == "test" and len(self.groups["test"]) == self.n == samples
        found = []
        for draw in range(1 if everything_used else self.draws):
            order = numpy_generator(self.seed, "score samples", self.reference, draw).permutation(samples)
            found.append(comparison(self._real_rows(draw)[0], order[: self.n]))
        return np.array(found)

    def interval(self, comparison: Comparison, samples: int, *, replicates: int) -> Interval:
        """Return the interval of one comparison of n scans with n samples."""
        return interval(
            comparison, real_groups=self.participants, synthetic_count=samples, metric_values=self.metric.values,
            seed=self.seed, entity=f"score {self.reference}", replicates=replicates, n=self.n,
        )  # fmt: skip

    def _real_rows(self, draw: int) -> list[np.ndarray]:
        """Return n rows of the reference set and n of the real set of the floor; disjoint scans."""
        generator = numpy_generator(self.seed, "score", self.reference, draw)
        if _others(self.reference, self.groups) == "held_out":  # the test scans stand first in it
            chosen = generator.permutation(len(self.groups["test"]))[: self.n]
            left = np.setdiff1d(np.arange(len(self.groups["held_out"])), chosen)
            return [chosen, generator.permutation(left)[: self.n]]
        if self.reference == "test":
            return [generator.permutation(len(self.groups[name]))[: self.n] for name in ("test", "train")]
        order = generator.permutation(len(self.groups["train"]))
        return [order[: self.n], order[self.n : 2 * self.n]]


def _scaled(features: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    return features if scale is None else standardised(features, scale)


def check_same_features(real: Embeddings, sources: Sequence[Source]) -> None:
    """Refuse sources that were embedded by another network, or in another view, than the real scans.

    Raises:
        MrisynthError: says which source it is and what it has.
    """
    for source in sources:
        for key in ("features", "weights_sha256", "view"):
            found, expected = source.embeddings.meta.get(key), real.meta.get(key)
            if found != expected:
                raise MrisynthError(
                    f"The embeddings of {source.name} have {key} {found!r} and those of the real scans {expected!r}: "
                    "they cannot be compared; embed both with the same network and view."
                )


def _equal_number(reference: str, groups: Mapping[str, np.ndarray], sources: Sequence[Source]) -> int:
    samples = min((len(source.embeddings.features) for source in sources), default=0)
    if _others(reference, groups) == "held_out":
        return min(len(groups["test"]), len(groups["held_out"]) // 2, samples)
    if reference == "test":
        return min(len(groups["test"]), len(groups["train"]), samples)
    return min(len(groups["train"]) // 2, samples)


def _others(reference: str, groups: Mapping[str, np.ndarray]) -> str:
    """Return the real scans that those of a reference are compared with for the floor."""
    return "held_out" if reference == "test" and "held_out" in groups else "train"


def _numbers(
    column: int, values: np.ndarray | None, found: Interval | None, floors: np.ndarray | None
) -> dict[str, float]:
    if values is None or found is None or floors is None:
        return {"value": float("nan")}
    floor = floors[:, column]
    low, high = np.percentile(floor, (5, 95))
    return {"value": float(values[:, column].mean()), "floor": float(floor.mean())} | {
        "floor_low": float(low),
        "floor_high": float(high),
    }


def _ends(
    column: int, lowest: float | None, highest: float | None, values: np.ndarray | None, found: Interval | None
) -> dict[str, float]:
    """Return the ends of the interval around the mean over the draws, inside the bounds of the value."""
    if values is None or found is None:
        return {}
    shift = float(values[:, column].mean()) - float(found.value[column])
    ends = [float(end[column]) + shift for end in (found.low, found.high)]
    low, high = np.clip(ends, -np.inf if lowest is None else lowest, np.inf if highest is None else highest)
    return {"low": float(low), "high": float(high)}


def _warning(name: str, *, n: int, real: Embeddings, groups: Mapping[str, np.ndarray], smallest: int) -> str:
    sentences = []
    width = real.features.shape[1]
    if n < smallest:
        sentences.append(
            f"Not computed: {n} scans a set (test {len(groups['test'])}, train {len(groups['train'])}), "
            f"{smallest} or more are needed."
        )
    elif name == "fid" and n <= width:  # the fitted covariance is rank-deficient
        sentences.append(f"Only {n} scans a set, more than {width} (one per feature) are recommended for FID.")
    elif name in _NEIGHBOUR_METRICS and n < NEIGHBOUR_SCANS:
        sentences.append(f"Only {n} scans a set, {NEIGHBOUR_SCANS} or more are recommended.")
    if not real.meta["trained"]:
        sentences.append(UNTRAINED_SENTENCE)
    if real.knows_training_scans:
        sentences.append(KNOWS_SENTENCE)
    return " ".join(sentences)
