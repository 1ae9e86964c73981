"""Structure: how alike the samples of a set are, and how far from the mean brain, beside real scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.comparison import Value
from mrisynth.metrics.intervals import Interval, interval
from mrisynth.metrics.scoring import REFERENCES, Scored
from mrisynth.metrics.ssim import ms_ssim, ssim_scales
from mrisynth.metrics.table import Better, Score, SourceKind, score_table
from mrisynth.seeds import numpy_generator

_VALUES: tuple[tuple[str, Better], ...] = (
    ("ms_ssim", "neither"),
    ("ms_ssim_gap", "lower"),
    ("mean_map_mse", "neither"),
    ("mean_map_mse_gap", "lower"),
)
_BOUNDS = tuple(Value(name, "lower", 0.0, 1.0) for name, _ in _VALUES)
_FEW = 20
"""Below this many scans or samples a set, the mean over pairs rests on a few volumes."""


@dataclass(frozen=True)
class RealVolumes:
    """The real scans of one view.

    Attributes:
        images: uint8 [scan, x, y, z]; may be memory-mapped, rows are read one by one.
        scans: name of the scan in each row.
        splits: scan -> ``train``, ``validation`` or ``test``.
        participants: scan -> participant.
    """

    images: np.ndarray
    scans: Sequence[str]
    splits: Mapping[str, str]
    participants: Mapping[str, str]

    def rows(self, split: str, *, seed: int) -> np.ndarray:
        """Return one row a participant of the split in a random order: two scans of one person are no pair."""
        generator = numpy_generator(seed, "structure scans", split)
        rows = [row for row, scan in enumerate(self.scans) if self.splits[scan] == split]
        chosen = {self.participants[self.scans[row]]: row for row in generator.permutation(rows)}
        return np.array(list(chosen.values()), dtype=np.int64)


@dataclass(frozen=True)
class VolumeSource:
    """A set that is scored: samples of a model, of its untrained generator, or a control.

    Attributes:
        name: the model, or the control's own name.
        kind: what it is; the ``source`` of its scores.
        images: uint8 [sample, x, y, z]; may be memory-mapped.
    """

    name: str
    kind: SourceKind
    images: np.ndarray


@dataclass(frozen=True)
class _Likeness:
    """What is known of a set: ``pairs`` [p, 2] of its volumes, their ``similarities`` [p], and ``errors`` [n]."""

    pairs: np.ndarray
    similarities: np.ndarray
    errors: np.ndarray

    def means(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Return the mean over the pairs whose volumes are both among the rows, and the mean error over the rows."""
        rows = np.arange(len(self.errors)) if rows is None else rows
        among = np.zeros(len(self.errors), dtype=bool)
        among[rows] = True
        similarities = self.similarities[among[self.pairs].all(axis=1)]
        return np.array([_mean(similarities), _mean(self.errors[rows])])


class _Gaps:
    """The values of a set of samples and their distance from those of real scans: a Comparison."""

    smallest = 4

    def __init__(self, real: _Likeness, synthetic: _Likeness) -> None:
        self._real, self._synthetic = real, synthetic

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        found = self._synthetic.means(synthetic_rows)
        gap = np.abs(found - self._real.means(real_rows))
        return np.array([found[0], gap[0], found[1], gap[1]])


def score_structure(
    real: RealVolumes, sources: Sequence[VolumeSource], *, view: str, seed: int, pairs: int = 1000,
    replicates: int = 200,
) -> Scored:  # fmt: skip
    """Return four scores of each source against test and training scans.

    * ``ms_ssim``: mean multi-scale structural similarity of random pairs of samples. Neither high nor low is good:
      higher than among real scans means less variety, lower means noise. Its floor is that mean among real scans.
    * ``ms_ssim_gap``: how far it is from that of pairs of the reference's scans.
    * ``mean_map_mse``: mean over samples of the mean squared difference, voxel by voxel on a scale from 0 to 1, from
      the mean of the training scans; the mean stays fixed in the intervals. Below that of real scans lies a set that
      keeps to the average brain.
    * ``mean_map_mse_gap``: how far it is from that of the reference's scans. Each training scan is compared with the
      mean of the others.

    These means do not depend on the number of volumes, so that all samples are used; of scans one a participant.
    Floors compare real scans with real scans: the reference's with parts of the training scans, each as large as the
    test split. Wang et al. 2003 for the similarity; its use as a measure of variety is that of Odena et al. 2017.

    Args:
        real: the real scans.
        sources: what is scored, on the same grid.
        view: size of the volumes, with `` low`` after it for low resolution.
        seed: the study's seed.
        pairs: pairs a set; all there are, where there are fewer.
        replicates: resamplings behind each interval.

    Raises:
        MrisynthError: a source has another grid than the real scans, or there are no training scans.
    """
    _check_grids(real, sources)
    task = _Task(real, view=view, seed=seed, pairs=pairs)
    scores: list[Score] = []
    resampled = {}
    for source in sources:
        found = task.likeness_of(source)
        for reference in REFERENCES:
            values = task.interval(found, reference, replicates=replicates)
            for column, score in enumerate(task.scores(source, reference, values)):
                scores.append(score)
                if len(values.replicates):
                    resampled[score.key] = values.replicates[:, column]
    return Scored(score_table(scores), resampled)


class _Task:
    """The real scans of one view, prepared once for all sources."""

    def __init__(self, real: RealVolumes, *, view: str, seed: int, pairs: int) -> None:
        self._view, self._seed, self._pairs = view, seed, pairs
        rows = {split: real.rows(split, seed=seed) for split in REFERENCES}
        if not len(rows["train"]):
            raise MrisynthError("There are no training scans to compare samples with; the training split is empty.")
        self._size = real.images.shape[1]
        self._mean = _mean_map(real.images, rows["train"])
        parts = {"test": [np.arange(len(rows["test"]))], "train": _parts(len(rows["train"]), len(rows["test"]))}
        self.real = {split: self._likeness(real.images, rows[split], parts[split], split) for split in REFERENCES}
        self.floors = {reference: _floors(self.real, reference, parts["train"]) for reference in REFERENCES}

    def likeness_of(self, source: VolumeSource) -> _Likeness:
        """Return the likeness of a set of samples."""
        samples = np.arange(len(source.images))
        return self._likeness(source.images, samples, [samples], f"{source.kind} {source.name}")

    def interval(self, found: _Likeness, reference: str, *, replicates: int) -> Interval:
        """Return the values of a set with their intervals."""
        real = self.real[reference]
        return interval(
            _Gaps(real, found), real_groups=np.arange(len(real.errors)), synthetic_count=len(found.errors),
            metric_values=_BOUNDS, seed=self._seed, entity=f"structure {reference}", replicates=replicates,
        )  # fmt: skip

    def scores(self, source: VolumeSource, reference: str, values: Interval) -> list[Score]:
        """Return the rows of one source and reference."""
        n = len(self.real[reference].errors)
        warning = _warning(n, len(source.images), view=self._view, size=self._size)
        return [
            Score(
                metric=name, model=source.name, source=source.kind, features="voxels", features_sha256="none: voxels",
                features_trained=True, view=self._view, reference=reference, better=better, n=n, seed=self._seed,
                warning=" ".join(filter(None, (values.gap(column), warning))), **values.numbers(column),
                **self.floors[reference][column],
            )
            for column, (name, better) in enumerate(_VALUES)
        ]  # fmt: skip

    def _likeness(self, images: np.ndarray, rows: np.ndarray, parts: Sequence[np.ndarray], name: str) -> _Likeness:
        """Return the likeness of the rows; pairs are drawn within each part, equally many in each."""
        generator = numpy_generator(self._seed, "structure pairs", name)
        share = -(-self._pairs // len(parts))
        drawn = [part[draw_pairs(len(part), pairs=share, generator=generator)] for part in parts]
        chosen = np.concatenate(drawn)
        similarities = [ms_ssim(images[rows[one]], images[rows[other]]) for one, other in chosen]
        errors = np.array([_squared_error(images[row], self._mean) for row in rows])
        if name == "train":  # the mean without the scan itself: x - (n m - x) / (n - 1) = (x - m) n / (n - 1)
            errors = errors * (len(rows) / (len(rows) - 1)) ** 2 if len(rows) > 1 else np.full(len(rows), np.nan)
        return _Likeness(chosen, np.array(similarities), errors)


def draw_pairs(count: int, *, pairs: int, generator: np.random.Generator) -> np.ndarray:
    """Return distinct pairs of different numbers below ``count``, int64 [p, 2]: ``pairs`` of them, or all there are."""
    first, second = np.triu_indices(count, k=1)
    chosen = np.sort(generator.permutation(len(first))[:pairs])
    return np.stack([first[chosen], second[chosen]], axis=1)


def _parts(training: int, size: int) -> list[np.ndarray]:
    """Return the training scans (in random order already) in parts about as large as the test split, two or more."""
    return np.array_split(np.arange(training), max(2, training // max(size, 1)))


def _floors(
    of_real: Mapping[str, _Likeness], reference: str, parts: Sequence[np.ndarray]
) -> tuple[dict[str, float], ...]:
    """Return the floor of each value: the reference's own means among those of other real sets, and their gaps."""
    test, parted = of_real["test"].means(), [of_real["train"].means(part) for part in parts]
    if reference == "test":
        gaps = [np.abs(test - part) for part in parted]
    else:
        gaps = [np.abs(one - other) for place, one in enumerate(parted) for other in parted[:place]]
    whole, sets = of_real[reference].means(), np.array([test, *parted])
    return tuple(
        floor
        for column in range(2)
        for floor in (
            _floor(sets[:, column], value=float(whole[column])),
            _floor(np.array(gaps)[:, column]),
        )
    )


def _mean_map(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    total = np.zeros(images.shape[1:])
    for row in rows:
        total += images[row]
    return (total / (255.0 * len(rows))).astype(np.float32)


def _squared_error(volume: np.ndarray, mean: np.ndarray) -> float:
    return float(np.mean((volume / np.float32(255.0) - mean) ** 2, dtype=np.float64))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _floor(draws: np.ndarray, *, value: float | None = None) -> dict[str, float]:
    """Return a floor and its range, which holds the floor; the mean of the draws where no value is given."""
    known = draws[np.isfinite(draws)]
    if not len(known) or (value is not None and np.isnan(value)):
        return {}
    value = float(known.mean()) if value is None else value
    low, high = np.percentile(known, (5, 95))
    return {"floor": value, "floor_low": min(float(low), value), "floor_high": max(float(high), value)}


def _warning(scans: int, samples: int, *, view: str, size: int) -> str:
    sentences = []
    if min(scans, samples) < 2:
        sentences.append(f"No pairs: {scans} scans and {samples} samples; two or more of each are needed.")
    elif min(scans, samples) < _FEW:
        sentences.append(f"Only {scans} scans and {samples} samples, {_FEW} or more are recommended.")
    scales = ssim_scales(size)
    if scales.count < 5:
        sentences.append(
            f"At {view} the similarity has {scales.count} of 5 scales and a window of {scales.window} voxels: compare "
            "at this size only."
        )
    return " ".join(sentences)


def _check_grids(real: RealVolumes, sources: Sequence[VolumeSource]) -> None:
    for source in sources:
        if source.images.shape[1:] != real.images.shape[1:]:
            raise MrisynthError(
                f"The volumes of {source.name} have shape {source.images.shape[1:]} and the real scans "
                f"{real.images.shape[1:]}; compare volumes of one size."
            )
