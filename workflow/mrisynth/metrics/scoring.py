"""The score table of one model: every value beside its real-versus-real floor at equal numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.metrics.frechet import frechet_distance
from mrisynth.metrics.manifold import precision_recall
from mrisynth.seeds import numpy_generator

CONTROLS = ("untrained", "noise")
"""Sources beside the model in every table: its own untrained generator, and uniform noise."""

REFERENCES = ("test", "train")

UNTRAINED_SENTENCE = "Features of an untrained random network: compare only within this study."

PRECISION_RECALL_SCANS = 1000
"""Below this many scans a set, precision and recall move by several hundredths from draw to draw."""


@dataclass(frozen=True)
class _Metric:
    columns: tuple[str, ...]
    smallest: int
    compute: Callable[[np.ndarray, np.ndarray], tuple[float, ...]]


def score_model(
    metric: str,
    *,
    real: Embeddings,
    splits: Mapping[str, str],
    sources: Mapping[str, Embeddings],
    view: int,
    seed: int,
    draws: int = 20,
    k: int = 3,
) -> pd.DataFrame:
    """Return one row per source and reference: the value, and the same metric of real scans against real scans.

    Both sets always hold the same number n of scans, and n is the same for all sources of the table.

    * reference ``test``: n test scans against n samples; the floor is n test scans against n training scans.
    * reference ``train``: half the training scans against n samples; the floor is one half against the other. (The
      halves are drawn by scan: a participant with two scans may stand in both, which lowers the floor.)

    What must be chosen is chosen anew in each of ``draws`` seeded draws, the same for every model, and values and
    floors are means over the draws; ``*_floor_low`` and ``*_floor_high`` are the 5th and 95th percentile of the
    floor. Scans of the validation split are used by neither.

    Args:
        metric: ``fid`` or ``precision_recall``.
        real: features of all real scans.
        splits: scan -> ``train``, ``validation`` or ``test``; scans without features (excluded ones) are passed over.
        sources: the model's name, ``untrained`` and ``noise`` -> features of their samples.
        view: size of the volumes that were embedded.
        seed: the study's seed.
        draws: random draws behind each floor.
        k: neighbours of precision and recall.

    Returns:
        Columns model, features, weights_sha256, view, n_real, n_synthetic, reference, the values and their floors,
        seed, then features_trained, the range of the floors, draws and warning. Too few scans give missing values
        and a warning that says so.

    Raises:
        MrisynthError: the metric is unknown, the sources were embedded by another network than the real scans, or
            a real scan has no split.
    """
    chosen = _metric(metric, k=k)
    _check_same_features(real, sources)
    groups = {name: real.rows(scans_of(name, real, splits)) for name in REFERENCES}
    rows = []
    for reference in REFERENCES:
        n = _equal_number(reference, groups, sources)
        enough = n >= chosen.smallest
        floors = _floors(chosen, reference, groups, n=n, draws=draws, seed=seed) if enough else None
        for name, source in sources.items():
            values = _values(chosen, reference, groups, source, n=n, draws=draws, seed=seed) if enough else None
            warning = _warning(metric, n=n, real=real, groups=groups, smallest=chosen.smallest)
            rows.append(
                {"model": name, "features": real.meta["features"], "weights_sha256": real.meta["weights_sha256"]}
                | {"view": view, "n_real": n, "n_synthetic": n, "reference": reference}
                | _columns(chosen, values, floors)
                | {"seed": seed, "features_trained": real.meta["trained"]}
                | _ranges(chosen, floors)
                | {"draws": draws, "warning": warning}
                | ({"k": k} if metric == "precision_recall" else {})
            )
    return pd.DataFrame(rows)


def _metric(metric: str, *, k: int) -> _Metric:
    if metric == "fid":
        return _Metric(("fid",), 2, lambda real, other: (frechet_distance(real, other),))
    if metric == "precision_recall":
        return _Metric(("precision", "recall"), k + 1, lambda real, other: precision_recall(real, other, k=k))
    raise MrisynthError(f"The metric {metric!r} is unknown, expected fid or precision_recall.")


def _check_same_features(real: Embeddings, sources: Mapping[str, Embeddings]) -> None:
    for name, source in sources.items():
        for key in ("features", "weights_sha256", "view"):
            if source.meta.get(key) != real.meta.get(key):
                raise MrisynthError(
                    f"The embeddings of {name} have {key} {source.meta.get(key)!r} and those of the real scans "
                    f"{real.meta.get(key)!r}: they cannot be compared; embed both with the same network and view."
                )


def scans_of(split: str, real: Embeddings, splits: Mapping[str, str]) -> list[str]:
    """Return the embedded scans of a split; errors as :func:`score_model` for one without a split."""
    unknown = [scan for scan in real.ids if scan not in splits]
    if unknown:
        raise MrisynthError(f"{len(unknown)} embedded real scans have no split (first: {unknown[0]}).")
    return [scan for scan in real.ids if splits[scan] == split]


def _equal_number(reference: str, groups: Mapping[str, np.ndarray], sources: Mapping[str, Embeddings]) -> int:
    samples = min((len(source.features) for source in sources.values()), default=0)
    if reference == "test":
        return min(len(groups["test"]), len(groups["train"]), samples)
    return min(len(groups["train"]) // 2, samples)


def _real_draw(reference: str, groups: Mapping[str, np.ndarray], *, n: int, seed: int, draw: int) -> list[np.ndarray]:
    """Return the reference set and the real set of the floor, n rows each and disjoint, for one draw."""
    generator = numpy_generator(seed, "score", reference, draw)
    if reference == "test":
        return [groups[name][generator.permutation(len(groups[name]))[:n]] for name in ("test", "train")]
    order = generator.permutation(len(groups["train"]))
    return [groups["train"][order[:n]], groups["train"][order[n : 2 * n]]]


def _floors(
    metric: _Metric, reference: str, groups: Mapping[str, np.ndarray], *, n: int, draws: int, seed: int
) -> np.ndarray:
    pairs = (_real_draw(reference, groups, n=n, seed=seed, draw=draw) for draw in range(draws))
    return np.array([metric.compute(one, other) for one, other in pairs])


def _values(
    metric: _Metric,
    reference: str,
    groups: Mapping[str, np.ndarray],
    source: Embeddings,
    *,
    n: int,
    draws: int,
    seed: int,
) -> np.ndarray:
    everything_used = reference == "test" and len(groups["test"]) == n == len(source.features)
    values = []
    for draw in range(1 if everything_used else draws):
        reference_rows, _ = _real_draw(reference, groups, n=n, seed=seed, draw=draw)
        order = numpy_generator(seed, "score samples", reference, draw).permutation(len(source.features))
        values.append(metric.compute(reference_rows, source.features[order[:n]]))
    return np.array(values)


def _columns(metric: _Metric, values: np.ndarray | None, floors: np.ndarray | None) -> dict[str, float]:
    means = {} if values is None else dict(zip(metric.columns, values.mean(axis=0), strict=True))
    floor_means = {} if floors is None else dict(zip(metric.columns, floors.mean(axis=0), strict=True))
    return {name: float(means.get(name, np.nan)) for name in metric.columns} | {
        f"{name}_floor": float(floor_means.get(name, np.nan)) for name in metric.columns
    }


def _ranges(metric: _Metric, floors: np.ndarray | None) -> dict[str, float]:
    ends = {}
    for column, name in enumerate(metric.columns):
        for end, percentile in (("low", 5), ("high", 95)):
            key = f"{name}_floor_{end}"
            ends[key] = float("nan") if floors is None else float(np.percentile(floors[:, column], percentile))
    return ends


def _warning(metric: str, *, n: int, real: Embeddings, groups: Mapping[str, np.ndarray], smallest: int) -> str:
    sentences = []
    width = real.features.shape[1]
    if n < smallest:
        sentences.append(
            f"Not computed: {n} scans a set (test {len(groups['test'])}, train {len(groups['train'])}), "
            f"{smallest} or more are needed."
        )
    elif metric == "fid" and n <= width:  # the fitted covariance is rank-deficient
        sentences.append(f"Only {n} scans a set, more than {width} (one per feature) are recommended for FID.")
    elif metric == "precision_recall" and n < PRECISION_RECALL_SCANS:
        sentences.append(f"Only {n} scans a set, {PRECISION_RECALL_SCANS} or more are recommended.")
    if not real.meta["trained"]:
        sentences.append(UNTRAINED_SENTENCE)
    return " ".join(sentences)
