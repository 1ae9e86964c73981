"""Morphometry: how far the region volumes of samples lie from those of real scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.comparison import Value
from mrisynth.metrics.features import standardised
from mrisynth.metrics.intervals import Interval, interval
from mrisynth.metrics.region_distances import SMALLEST, MorphometryComparison
from mrisynth.metrics.scoring import REFERENCES, Scored
from mrisynth.metrics.shares import share_interval
from mrisynth.metrics.table import Better, Score, SourceKind, score_table
from mrisynth.seeds import numpy_generator

_VALUES: tuple[tuple[str, Better], ...] = (
    ("region_wasserstein", "lower"),
    ("region_wasserstein_joint", "lower"),
    ("region_effect_size", "lower"),
    ("region_spread", "neither"),
)
_BOUNDS = tuple(Value(name, "lower", 0.0, None) for name, _ in _VALUES)
_FEATURES = {"features": "regions", "features_sha256": "none: tissue maps", "features_trained": True}
_FEW = 20
"""Below this many scans a set, a difference of half a standard deviation is luck."""
_MOST = 2000
"""More rows a set than this are left out: the assignment takes time with the cube of their number."""


@dataclass(frozen=True)
class Regions:
    """Region volumes of a set.

    Attributes:
        name: ``real``, the model, or the control's own name.
        kind: what it is; the ``source`` of its scores.
        volumes: float64 [measured, region], mm3.
        ids: of the measured volumes.
        failed: volumes that could not be measured.
    """

    name: str
    kind: SourceKind | Literal["real"]
    volumes: np.ndarray
    ids: list[str]
    failed: int

    @property
    def measured(self) -> float:
        """Share of the volumes that could be measured."""
        total = len(self.ids) + self.failed
        return len(self.ids) / total if total else float("nan")


def regions_of(
    table: pd.DataFrame, columns: Sequence[str], *, name: str, kind: SourceKind | Literal["real"]
) -> Regions:
    """Return the measured rows of a table of region volumes (``id``, ``reason``, one column a region in mm3).

    Raises:
        MrisynthError: the table has no such region.
    """
    absent = [column for column in columns if column not in table]
    if absent:
        raise MrisynthError(f"The region volumes of {name} have no column {absent[0]}; measure them again.")
    measured = table["reason"].isna() | (table["reason"] == "")
    values = table.loc[measured, list(columns)].to_numpy(dtype=np.float64)
    return Regions(name, kind, values, table.loc[measured, "id"].astype(str).tolist(), int((~measured).sum()))


def one_scan_each(real: Regions, scans: pd.DataFrame, *, seed: int) -> dict[str, np.ndarray]:
    """Return for each split the region volumes [participant, region] of one scan a participant, chosen by the seed.

    Args:
        real: of the real scans; ids are scans.
        scans: the scans table, with ``scan``, ``participant_id`` and ``split``.

    Raises:
        MrisynthError: a scan is not in the scans table.
    """
    known = scans.assign(scan=scans["scan"].astype(str)).set_index("scan")
    unknown = [scan for scan in real.ids if scan not in known.index]
    if unknown:
        raise MrisynthError(f"{len(unknown)} measured real scans are not in the scans table (first: {unknown[0]}).")
    order = numpy_generator(seed, "morphometry scans").permutation(len(real.ids))
    listed = known.loc[[real.ids[row] for row in order], ["participant_id", "split"]].assign(row=order)
    listed = listed.drop_duplicates("participant_id")
    return {split: real.volumes[np.sort(part["row"].to_numpy())] for split, part in listed.groupby("split")}


def score_morphometry(
    real: dict[str, np.ndarray], sources: Sequence[Regions], *, view: str, seed: int, real_measured: float = 1.0,
    draws: int = 20, replicates: int = 200,
) -> Scored:  # fmt: skip
    """Return the scores of each source against test and training scans.

    The four values of :class:`mrisynth.metrics.region_distances.MorphometryComparison`, in standard deviations of the
    training scans, at equal numbers of scans and samples; the floor compares test scans with training scans, or one
    half of the training scans with the other. And ``regions_measured``, the share of volumes in which tissues could be
    told apart: the others count in nothing else.

    Args:
        real: split -> [participant, region] of :func:`one_scan_each`.
        sources: what is scored.
        view: size of the volumes.
        seed: the study's seed.
        real_measured: share of the real scans whose regions could be measured, the floor of ``regions_measured``.
        draws: random draws behind each floor.
        replicates: resamplings behind each interval.
    """
    found = {split: real.get(split, np.empty((0, 0))) for split in REFERENCES}
    scores: list[Score] = []
    resampled = {}
    for source in sources:
        for reference in REFERENCES:
            n = _equal_number(found, reference, len(source.ids))
            about = {"model": source.name, "source": source.kind, "view": view, "n": n, "reference": reference}
            about |= {"seed": seed, "warning": _warning(n, source, found[reference])} | _FEATURES
            scores.append(_share_measured(source, about, real_measured))
            if n < SMALLEST:
                scores += [Score(metric=name, value=float("nan"), better=better, **about) for name, better in _VALUES]
                continue
            values = _interval(found, source, reference, n=n, seed=seed, replicates=replicates)
            floors = _floors(found, reference, n=n, draws=draws, seed=seed)
            for column, (name, better) in enumerate(_VALUES):
                numbers = values.numbers(column) | _range(floors[:, column])
                words = {"warning": " ".join(filter(None, (values.gap(column), about["warning"])))}
                score = Score(metric=name, better=better, **about | words, **numbers)
                scores.append(score)
                if len(values.replicates):
                    resampled[score.key] = values.replicates[:, column]
    return Scored(score_table(scores), resampled)


def real_draw(real: dict[str, np.ndarray], reference: str, *, n: int, seed: int, draw: int) -> tuple[np.ndarray, ...]:
    """Return two disjoint sets of n real scans: test and training scans, or two parts of the training scans."""
    generator = numpy_generator(seed, "morphometry floor", reference, draw)
    if reference == "test":
        return tuple(real[split][generator.permutation(len(real[split]))[:n]] for split in ("test", "train"))
    order = generator.permutation(len(real["train"]))
    return real["train"][order[:n]], real["train"][order[n : 2 * n]]


def _interval(
    real: dict[str, np.ndarray], source: Regions, reference: str, *, n: int, seed: int, replicates: int
) -> Interval:
    scaled = [standardised(part, real["train"]) for part in (real[reference], source.volumes)]
    return interval(
        MorphometryComparison(*scaled), real_groups=np.arange(len(scaled[0])), synthetic_count=len(scaled[1]),
        metric_values=_BOUNDS, seed=seed, entity=f"morphometry {reference}", replicates=replicates, n=n,
    )  # fmt: skip


def _share_measured(source: Regions, about: dict[str, object], real_measured: float) -> Score:
    total = len(source.ids) + source.failed
    low, high = share_interval(len(source.ids), total)
    return Score(
        metric="regions_measured", value=source.measured, low=low, high=high, floor=real_measured, better="higher",
        **about | {"n": total},
    )  # fmt: skip


def _floors(real: dict[str, np.ndarray], reference: str, *, n: int, draws: int, seed: int) -> np.ndarray:
    train = real["train"]
    pairs = (real_draw(real, reference, n=n, seed=seed, draw=draw) for draw in range(draws))
    return np.array([MorphometryComparison(*(standardised(part, train) for part in pair))() for pair in pairs])


def _equal_number(real: dict[str, np.ndarray], reference: str, samples: int) -> int:
    train = len(real["train"])
    scans = min(len(real["test"]), train) if reference == "test" else train // 2
    return min(scans, samples, _MOST)


def _range(floor: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(floor, (5, 95))
    return {"floor": float(floor.mean()), "floor_low": float(low), "floor_high": float(high)}


def _warning(n: int, source: Regions, real: np.ndarray) -> str:
    sentences = []
    if n < SMALLEST:
        sentences.append(
            f"Not computed: {len(real)} scans and {len(source.ids)} samples with tissues that could be told apart; "
            f"{SMALLEST} or more of each are needed."
        )
    elif n < _FEW:
        sentences.append(f"Only {n} scans a set, {_FEW} or more are recommended.")
    if source.failed:
        sentences.append(f"In {source.failed} of {len(source.ids) + source.failed} volumes no tissues were found.")
    return " ".join(sentences)
