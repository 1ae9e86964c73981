"""The area of a structure by class, in real and in synthetic slices, and how far classes differ in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.metrics.participants import LEAST_PARTICIPANTS
from mrisynth.metrics.resampled_classes import Resampled, ResampledClasses
from mrisynth.metrics.scoring import Scored
from mrisynth.metrics.slice_areas import tissue_areas_mm2
from mrisynth.metrics.slice_similarity import SliceGroup
from mrisynth.metrics.table import MISSING, Score, SourceKind, score_table
from mrisynth.seeds import derive_seed

NAME = "slice_area"
"""How the names of the numbers begin."""

SUMMARY = [
    "kind", "source", "label", "against", "n", "participants", "mean_mm2", "low", "high", "sd_mm2", "median_mm2",
    "unmeasured", "d", "d_low", "d_high", "same_sign",
]  # fmt: skip
SOURCES = ("real", "synthetic")
_MANY = 0.1  # share of slices without an area that a reader must know of


@dataclass(frozen=True, kw_only=True)
class SliceAreas:
    """What was found.

    Attributes:
        scored: in the form of :func:`mrisynth.metrics.table.score_table`.
        summary: columns :data:`SUMMARY`; a row of ``kind`` area for each source and class, and one of ``kind``
            difference for each source and class that the first one is compared with.
        areas: one row a slice: ``source``, ``label``, ``area_mm2``, which is missing where it could not be measured.
    """

    scored: Scored
    summary: pd.DataFrame
    areas: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """The areas [n] of one source, and the measured ones in classes."""

    areas: np.ndarray
    labels: np.ndarray
    classes: ResampledClasses

    def of(self, label: int) -> np.ndarray:
        return self.areas[self.labels == label]

    def unmeasured(self, label: int | None = None) -> float:
        values = self.areas[self.labels >= 0] if label is None else self.of(label)
        return float(np.isnan(values).mean()) if len(values) else MISSING


def score_slice_areas(
    real: SliceGroup, fake: SliceGroup, region: np.ndarray, *, classes: Sequence[str], pixel_mm: float, model: str,
    source: SourceKind = "model", reference: str = "test", seed: int, replicates: int = 200,
) -> SliceAreas:  # fmt: skip
    """Return the area of a structure by class in real and in synthetic slices.

    A synthetic slice does not know of which position it is: all slices, real ones too, are measured in one region, the
    mean over the positions of the study. Each area is then that of tissue weighted by how often the structure lies
    there; areas of real and of synthetic slices compare with one another and with nothing else.

    * ``slice_area_{class}`` (``slice_area`` without classes): mean area in mm2; the floor is that of real slices.
    * ``slice_area_difference_{first}_minus_{other}``: mean of the first class minus that of each other, in mm2, and
      ``slice_area_effect_...`` that in pooled standard deviations; the floor is that of real slices.
    * ``slice_area_measured``: share of slices whose tissues could be told apart; of all with a class.

    Intervals and the range of a floor are over participants, of samples over samples
    (:class:`mrisynth.metrics.resampled_classes.ResampledClasses`).

    Args:
        real: real slices of one split.
        fake: synthetic slices on the same grid.
        region: float [row, column], 0..1, the mean map of :func:`mrisynth.slices.region_maps.cut_region`.
        classes: names of the classes in the order of their numbers; empty takes all slices as one class.
        pixel_mm: edge of a pixel.
        model, source, reference: of the scores.
        seed: the study's seed.
        replicates: resamplings behind each interval.
    """
    measured = {
        name: _measured(group, region, classes, pixel_mm=pixel_mm, seed=derive_seed(seed, f"slice areas {name}"),
                        replicates=replicates)
        for name, group in zip(SOURCES, (real, fake), strict=True)
    }  # fmt: skip
    names = list(classes) or ["all"]
    fields = {
        "model": model, "source": source, "features": "areas in a region", "features_sha256": "none: pixels",
        "features_trained": True, "view": f"slice {real.images.shape[1]}", "reference": reference, "seed": seed,
    }  # fmt: skip
    return SliceAreas(
        scored=Scored(score_table(_scores(measured, names, known=bool(classes), fields=fields))),
        summary=_summary(measured, names),
        areas=pd.concat([_listed(name, found, names) for name, found in measured.items()], ignore_index=True),
    )


def _measured(
    group: SliceGroup, region: np.ndarray, classes: Sequence[str], *, pixel_mm: float, seed: int, replicates: int
) -> _Measured:
    areas = tissue_areas_mm2(group.images, region, pixel_mm=pixel_mm)
    labels = np.where(group.labels < len(classes), group.labels, -1) if classes else np.zeros(len(areas), dtype=int)
    rows = np.flatnonzero(np.isfinite(areas))
    people = [group.participants[row] for row in rows]
    resampled = ResampledClasses(areas[rows], labels[rows], people, seed=seed, replicates=replicates)
    return _Measured(areas=areas, labels=labels, classes=resampled)


def _listed(source: str, found: _Measured, names: Sequence[str]) -> pd.DataFrame:
    rows = np.flatnonzero(found.labels >= 0)
    words = [names[label] for label in found.labels[rows].tolist()]
    return pd.DataFrame({"source": source, "label": words, "area_mm2": found.areas[rows]})


def _scores(
    measured: Mapping[str, _Measured], names: Sequence[str], *, known: bool, fields: Mapping[str, Any]
) -> list[Score]:
    real, fake = (measured[source].classes for source in SOURCES)
    scores = []

    def add(name: str, floor: Resampled, value: Resampled, labels: Sequence[int], note: str = "") -> None:
        low, high = floor.range_90
        scores.append(
            Score(
                metric=name, value=value.value, low=value.low, high=value.high, floor=floor.value, floor_low=low,
                floor_high=high, better="neither", n=sum(map(real.participants, labels)),
                warning=" ".join(filter(None, (note, _gap(value, fake, names, labels), _unseen(measured)))), **fields,
            )
        )  # fmt: skip

    for label, name in enumerate(names):
        add(f"{NAME}_{name}" if known else NAME, real.mean(label), fake.mean(label), [label])
    for other in range(1, len(names)):
        pair = f"{names[0]}_minus_{names[other]}"
        differences = [part.difference(0, other) for part in (real, fake)]
        note = "The sign is not that of real slices." if _same_sign(*differences) == "no" else ""
        add(f"{NAME}_difference_{pair}", *differences, [0, other], note)
        add(f"{NAME}_effect_{pair}", real.effect(0, other), fake.effect(0, other), [0, other], note)
    shares = [1.0 - measured[source].unmeasured() for source in SOURCES]
    people = sum(real.participants(label) for label in range(len(names)))
    scores.append(
        Score(
            metric=f"{NAME}_measured", value=shares[1], floor=shares[0], better="neither", n=people,
            warning=f"Of {names[0]} alone." if known and len(names) == 1 else "", **fields,
        )
    )  # fmt: skip
    return scores


def _gap(value: Resampled, fake: ResampledClasses, names: Sequence[str], labels: Sequence[int]) -> str:
    """Return why a value or its interval is missing."""
    if np.isfinite(value.low):
        return ""
    fewest = min(labels, key=fake.participants)
    count = fake.participants(fewest)
    if np.isnan(value.value) and count:
        return "Not computed: too few samples, or areas that do not differ."
    if np.isnan(value.value):
        return f"Not computed: no sample of {names[fewest]} could be measured."
    return f"No interval: {count} measured samples of {names[fewest]}, {LEAST_PARTICIPANTS} or more are needed."


def _unseen(measured: Mapping[str, _Measured]) -> str:
    shares = {source: found.unmeasured() for source, found in measured.items()}
    if not any(share > _MANY for share in shares.values()):
        return ""
    return f"Not measured: {shares['real']:.0%} of real slices, {shares['synthetic']:.0%} of samples."


def _same_sign(real: Resampled, fake: Resampled) -> str:
    """Return yes or no, and n/a where a difference is missing or exactly 0."""
    product = np.sign(real.value) * np.sign(fake.value)
    return {1.0: "yes", -1.0: "no"}.get(float(product), "n/a")


def _summary(measured: Mapping[str, _Measured], names: Sequence[str]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for source, found in measured.items():
        for label, name in enumerate(names):
            values = found.of(label)
            seen, mean = values[np.isfinite(values)], found.classes.mean(label)
            rows.append(
                {"kind": "area", "source": source, "label": name, "n": len(values)}
                | {"participants": found.classes.participants(label), "mean_mm2": mean.value}
                | {"low": mean.low, "high": mean.high, "unmeasured": found.unmeasured(label)}
                | {"sd_mm2": float(seen.std(ddof=1)) if len(seen) > 1 else MISSING}
                | {"median_mm2": float(np.median(seen)) if len(seen) else MISSING}
            )
    for other in range(1, len(names)):
        apart = {source: found.classes.difference(0, other) for source, found in measured.items()}
        for source, found in measured.items():
            effect, pair = found.classes.effect(0, other), (0, other)
            same = _same_sign(apart["real"], apart["synthetic"]) if source == "synthetic" else None
            rows.append(
                {"kind": "difference", "source": source, "label": names[0], "against": names[other]}
                | {"n": sum(len(found.of(label)) for label in pair)}
                | {"participants": sum(found.classes.participants(label) for label in pair)}
                | {"mean_mm2": apart[source].value, "low": apart[source].low, "high": apart[source].high}
                | {"d": effect.value, "d_low": effect.low, "d_high": effect.high, "same_sign": same}
            )
    return pd.DataFrame(rows, columns=SUMMARY).round(4)
