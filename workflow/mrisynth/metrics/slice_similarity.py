"""Similarity of slices: how alike real ones are, synthetic ones are, and both are to each other, by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.intervals import Interval, interval
from mrisynth.metrics.quantiles import Z_90
from mrisynth.metrics.scoring import Scored
from mrisynth.metrics.slice_pair_means import KINDS, NAME, PairSimilarities
from mrisynth.metrics.slice_pairs import pairs_between, pairs_within
from mrisynth.metrics.slice_ssim import slice_ssim
from mrisynth.metrics.table import MISSING, Better, Score, SourceKind, score_table
from mrisynth.seeds import numpy_generator

_FEW = 20


@dataclass(frozen=True, kw_only=True)
class SliceGroup:
    """Slices with what is known, or was asked, of each.

    Attributes:
        images: uint8 [n, row, column], or [n, row, column, channel]; may be memory-mapped, read one by one.
        labels: int64 [n], number of the class; below 0 where it is missing.
        participants: [n], the person of each; a sample is its own.
    """

    images: np.ndarray
    labels: np.ndarray
    participants: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class SliceSimilarity:
    """What was found.

    Attributes:
        scored: in the form of :func:`mrisynth.metrics.table.score_table`, with the resampled values.
        summary: one row a kind of pair and class, and ``all`` for the mean over classes: ``kind``, ``label``,
            ``pairs``, ``mean``, ``low``, ``high`` (95 % interval of the mean), ``sd`` (over pairs).
        pairs: one row a pair: ``kind``, ``label``, ``one``, ``other`` (rows of the sets), ``ssim``.
    """

    scored: Scored
    summary: pd.DataFrame
    pairs: pd.DataFrame


def score_slice_similarity(
    real: SliceGroup, fake: SliceGroup, *, classes: Sequence[str], model: str, source: SourceKind = "model",
    reference: str = "test", seed: int, pairs: int = 1000, replicates: int = 200, apart: bool = True,
    signed: bool = False,
) -> SliceSimilarity:  # fmt: skip
    """Return the structural similarity of random pairs of slices of one class.

    Pairs are two real slices, a real and a synthetic one, or two synthetic ones, equally many of each class. Values
    without a class are means over the classes of which both sets have pairs, each class alike.

    * ``slice_ssim_fake_fake`` and, with the class at the end, such as ``slice_ssim_fake_fake_AD``: neither high nor low
      is good: above the likeness of real slices (the floor) samples vary too little, below it they are noisy.
    * ``slice_ssim_real_fake``, likewise; the same floor.
    * ``..._sd``: standard deviation over pairs; the floor is that of real slices.
    * ``slice_ssim_gap``: how far the mean of synthetic pairs is from that of real ones.
    * ``slice_ssim_real_real``: a control of the name ``real``.

    ``n`` of a score is the number of real participants. Intervals resample slices and never pairs, those of a
    participant together (:func:`mrisynth.metrics.intervals.interval`). Where single slices decide nothing they are up
    to 1.4 times too wide. Where no class has pairs of every kind, values are missing and there is no pair.

    Args:
        real: real slices of one split.
        fake: synthetic slices on the same grid.
        classes: names of the classes in the order of their numbers; empty takes all slices as one class.
        model, source, reference: of the scores.
        seed: the study's seed.
        pairs: pairs of each kind and class; all there are, where there are fewer.
        replicates: resamplings behind each interval.
        apart: pairs of two real slices are of two participants; False lets slices of one person be a pair.
        signed: as in :func:`mrisynth.metrics.slice_ssim.slice_ssim`.

    Raises:
        MrisynthError: the slices of both sets have different shapes.
    """
    if real.images.shape[1:] != fake.images.shape[1:]:
        raise MrisynthError(f"Real slices are {real.images.shape[1:]}, synthetic {fake.images.shape[1:]}: not alike.")
    drawn = _drawn(real, fake, classes, seed=seed, pairs=pairs, apart=apart, reference=reference, name=model)
    used = [label for label in (classes or ("all",)) if all(len(drawn[kind, label]) for kind in KINDS)]
    fields = {
        "features": "pixels -1..1" if signed else "pixels", "features_sha256": "none: pixels",
        "features_trained": True, "view": f"slice {real.images.shape[1]}", "reference": reference,
        "n": len(set(real.participants)), "seed": seed,
    }  # fmt: skip
    if not used:
        return _nothing(model=model, source=source, fields=fields)
    left_out = [label for label in classes if label not in used]
    table = _compared(drawn, {"real": real.images, "fake": fake.images}, signed=signed)
    comparison = PairSimilarities(table, used, (len(real.images), len(fake.images)))
    found = interval(
        comparison, real_groups=np.asarray(real.participants), synthetic_count=len(fake.images),
        metric_values=comparison.values, seed=seed, entity=f"slice similarity {reference}", replicates=replicates,
    )  # fmt: skip
    few = min(len(real.images), len(fake.images))
    sentences = [f"Left out, without pairs: {', '.join(left_out)}."] if left_out else []
    sentences += [f"Only {few} slices in a set, {_FEW} or more are recommended."] if few < _FEW else []
    names = [value.name for value in comparison.values]
    scored = _scores(names, found, model=model, source=source, fields=fields, warning=" ".join(sentences))
    return SliceSimilarity(scored=scored, summary=_summary(names, found, table, used), pairs=table)


def named_by_class(found: SliceSimilarity, label: str) -> SliceSimilarity:
    """Return what was found in slices of one class alone under the names that the class has beside others."""
    table, summary = found.scored.table, found.summary
    resampled = {(*key[:-1], f"{key[-1]}_{label}"): values for key, values in found.scored.replicates.items()}
    return SliceSimilarity(
        scored=Scored(table.assign(metric=table["metric"] + f"_{label}"), resampled),
        summary=summary.assign(label=label),
        pairs=found.pairs,
    )


def _nothing(*, model: str, source: SourceKind, fields: Mapping[str, Any]) -> SliceSimilarity:
    warning = "No pairs: no class has two real slices of two participants and two synthetic ones."
    betters: tuple[tuple[str, Better], ...] = (("fake_fake", "neither"), ("real_fake", "neither"), ("gap", "lower"))
    scores = [
        Score(
            metric=f"{NAME}_{what}", model=model, source=source, value=MISSING, better=better, warning=warning, **fields
        )
        for what, better in betters
    ]
    return SliceSimilarity(
        scored=Scored(score_table(scores)),
        summary=pd.DataFrame(columns=["kind", "label", "pairs", "mean", "low", "high", "sd"]),
        pairs=pd.DataFrame(columns=["kind", "label", "one", "other", "ssim"]),
    )


def _drawn(
    real: SliceGroup, fake: SliceGroup, classes: Sequence[str], *, seed: int, pairs: int, apart: bool, reference: str,
    name: str,
) -> dict[tuple[str, str], np.ndarray]:  # fmt: skip
    """Return the pairs [p, 2] of each kind and class as rows of their sets."""
    found = {}
    for number, label in enumerate(classes or ("all",)):
        rows = [
            np.flatnonzero(part.labels == number) if classes else np.arange(len(part.labels)) for part in (real, fake)
        ]
        people = [real.participants[row] for row in rows[0]] if apart else np.arange(len(rows[0]))

        def generator(kind: str, whose: str, label: str = label) -> np.random.Generator:
            return numpy_generator(seed, "slice pairs", kind, whose, label)

        of_real = pairs_within(people, pairs=pairs, generator=generator("real_real", reference))
        both = pairs_between(*map(len, rows), pairs=pairs, generator=generator("real_fake", name))
        of_fake = pairs_within(np.arange(len(rows[1])), pairs=pairs, generator=generator("fake_fake", name))
        found["real_real", label] = rows[0][of_real]
        found["real_fake", label] = np.stack([rows[0][both[:, 0]], rows[1][both[:, 1]]], axis=1)
        found["fake_fake", label] = rows[1][of_fake]
    return found


def _compared(
    drawn: Mapping[tuple[str, str], np.ndarray], images: Mapping[str, np.ndarray], *, signed: bool
) -> pd.DataFrame:
    parts = []
    for (kind, label), pairs in drawn.items():
        first, second = (images[side] for side in kind.split("_"))
        found = [slice_ssim(np.asarray(first[one]), np.asarray(second[other]), signed=signed) for one, other in pairs]
        parts.append(
            pd.DataFrame({"kind": kind, "label": label, "one": pairs[:, 0], "other": pairs[:, 1], "ssim": found})
        )
    return pd.concat(parts, ignore_index=True).astype({"ssim": np.float64})


def _scores(
    names: Sequence[str], found: Interval, *, model: str, source: SourceKind, fields: Mapping[str, Any], warning: str
) -> Scored:
    scores: list[Score] = []
    resampled = {}
    for column, name in enumerate(names):
        of_real, is_gap = (name.startswith(f"{NAME}_{what}") for what in ("real_real", "gap"))
        better: Better = "lower" if is_gap else "neither"
        whose = {"model": "real", "source": "control"} if of_real else {"model": model, "source": source}
        score = Score(
            metric=name, better=better, warning=" ".join(filter(None, (found.gap(column), warning))),
            **whose, **found.numbers(column), **({} if of_real or is_gap else _floor(names, found, name)), **fields,
        )  # fmt: skip
        scores.append(score)
        if len(found.replicates):
            resampled[score.key] = found.replicates[:, column]
    return Scored(score_table(scores), resampled)


def _floor(names: Sequence[str], found: Interval, name: str) -> dict[str, float]:
    """Return the same number of pairs of real slices and, from its standard error, its 5th and 95th percentile."""
    own = next(f"{NAME}_{kind}" for kind in KINDS if name.startswith(f"{NAME}_{kind}"))
    of_real = names.index(name.replace(own, f"{NAME}_real_real", 1))
    value = float(found.value[of_real])
    if np.isnan(found.low[of_real]):
        return {"floor": value}
    reach = Z_90 * float(found.replicates[:, of_real].std(ddof=1))
    return {"floor": value, "floor_low": value - reach, "floor_high": value + reach}


def _summary(names: Sequence[str], found: Interval, table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    rows = []
    for label in ["all", *(classes if len(classes) > 1 else ())]:
        mine = table[table["label"].isin(classes if label == "all" else [label])]
        ending = "" if label == "all" else f"_{label}"
        for kind in KINDS:
            mean = found.numbers(names.index(f"{NAME}_{kind}{ending}"))
            rows.append(
                {"kind": kind, "label": label, "pairs": int((mine["kind"] == kind).sum()), "mean": mean["value"]}
                | {"low": mean["low"], "high": mean["high"]}
                | {"sd": float(found.value[names.index(f"{NAME}_{kind}_sd{ending}")])}
            )
    return pd.DataFrame(rows)
