"""Metrics of feature arrays beside their usual routes: FID, FID with an interval, KID over subsets, and PRDC.

Each side runs in a process of its own, on one thread and on the same made-up features (normal, their spread falling as
a power of the component, float32 as embeddings are). CPU seconds are those of the computation alone, without imports
and the making of features; the peak is of the whole process.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import cpu_seconds, report
from trial import in_child, peak_mib

WIDTH = 2048
ROUTES = {
    "fid": ["ours", "ours, 200 replicates", "symmetric eigenvalues", "eigenvalues", "sqrtm"],
    "kid": ["ours", "recomputed"],
    "prdc": ["ours", "prdc package"],
}
SIZES = {"fid": 581, "kid": 581, "prdc": 5000}
SUBSETS, SUBSET_ROWS, K = 100, 500, 5


def main() -> None:
    """Measure every route in a process of its own, or do one task that the main process set."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--task", help="one metric and route, as JSON; printed as JSON")
    task = arguments.parse_args().task
    if task:
        print(json.dumps(measured(**json.loads(task))))
        return
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    rows = []
    for metric, routes in ROUTES.items():
        ours = None
        for route in routes:
            found = in_child(__file__, {"metric": metric, "route": route})
            ours = ours or found
            ratio, difference = found["cpu_s"] / ours["cpu_s"], _difference(found["values"], ours["values"])
            rows.append(
                {"metric": metric, "n": SIZES[metric], "route": route, **found} | {"ratio": ratio, "off": difference}
            )
    report("metrics", rows, width=WIDTH, kid_subsets=SUBSETS, kid_subset_rows=SUBSET_ROWS, prdc_k=K, **figures(rows))


def figures(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return what our routes save, as ratios, and the memory that PRDC takes."""
    cost = {(row["metric"], row["route"]): row["cpu_s"] for row in rows}
    return {
        "fid_eigenvalues_over_ours": cost["fid", "eigenvalues"] / cost["fid", "ours"],
        "fid_sqrtm_over_ours": cost["fid", "sqrtm"] / cost["fid", "ours"],
        "fid_interval_over_sqrtm": cost["fid", "ours, 200 replicates"] / cost["fid", "sqrtm"],
        "kid_recomputed_over_ours": cost["kid", "recomputed"] / cost["kid", "ours"],
        "prdc_package_over_ours": cost["prdc", "prdc package"] / cost["prdc", "ours"],
        "prdc_peak_mib": next(row["peak_mib"] for row in rows if (row["metric"], row["route"]) == ("prdc", "ours")),
    }


def measured(*, metric: str, route: str) -> dict[str, Any]:
    """Return the CPU seconds, peak memory and values of one route."""
    compute = {"fid": fid, "kid": kid, "prdc": prdc}[metric](route)
    real, synthetic = features(SIZES[metric])
    before = cpu_seconds()
    values = compute(real, synthetic)
    return {"cpu_s": cpu_seconds() - before, "peak_mib": peak_mib(), "values": values}


def features(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two sets [count, 2048], float32, of like distributions."""
    generator = np.random.default_rng(5)
    spread = np.arange(1, WIDTH + 1) ** -0.5
    real, synthetic = (generator.normal(size=(count, WIDTH)) * spread for _ in range(2))
    return (real + 0.4).astype(np.float32), (synthetic + 0.4 + 0.1 * spread).astype(np.float32)


def fid(route: str) -> Callable[[np.ndarray, np.ndarray], list[float]]:
    """Return a route to FID."""
    from scipy import linalg

    from mrisynth.metrics.comparison import metric
    from mrisynth.metrics.frechet import frechet_distance
    from mrisynth.metrics.intervals import interval

    def with_interval(real: np.ndarray, synthetic: np.ndarray) -> list[float]:
        chosen = metric("fid")
        found = interval(
            chosen.between(real, synthetic), real_groups=np.arange(len(real)), synthetic_count=len(synthetic),
            metric_values=chosen.values, seed=1, entity="benchmark",
        )  # fmt: skip
        return found.value.tolist()

    def by_covariances(real: np.ndarray, synthetic: np.ndarray) -> list[float]:
        shift = real.mean(axis=0, dtype=np.float64) - synthetic.mean(axis=0, dtype=np.float64)
        one, other = (np.cov(rows.astype(np.float64), rowvar=False) for rows in (real, synthetic))
        return [float(shift @ shift + np.trace(one) + np.trace(other) - 2 * traces[route](one, other))]

    def symmetric(one: np.ndarray, other: np.ndarray) -> float:
        values, vectors = np.linalg.eigh(one)
        root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
        return float(np.sqrt(np.clip(np.linalg.eigvalsh(root @ other @ root), 0, None)).sum())

    traces = {
        "symmetric eigenvalues": symmetric,
        "eigenvalues": lambda one, other: float(np.sqrt(np.linalg.eigvals(one @ other).astype(complex)).real.sum()),
        "sqrtm": lambda one, other: float(np.trace(linalg.sqrtm(one @ other)).real),
    }
    ours = {"ours": lambda real, synthetic: [frechet_distance(real, synthetic)], "ours, 200 replicates": with_interval}
    return ours.get(route, by_covariances)


def kid(route: str) -> Callable[[np.ndarray, np.ndarray], list[float]]:
    """Return a route to the mean KID of subsets; both draw the same."""
    from mrisynth.metrics.kernel import kernel_distance
    from mrisynth.seeds import numpy_generator

    def within(rows: np.ndarray) -> float:
        kernel = (rows @ rows.T / WIDTH + 1) ** 3
        return float((kernel.sum() - np.trace(kernel)) / (len(rows) * (len(rows) - 1)))

    def recomputed(real: np.ndarray, synthetic: np.ndarray) -> list[float]:
        values = []
        for number in range(SUBSETS):
            generator = numpy_generator(0, "kid subset", number)
            one, other = (
                rows[generator.permutation(len(rows))[:SUBSET_ROWS]].astype(np.float64) for rows in (real, synthetic)
            )
            values.append(within(one) + within(other) - 2 * float(((one @ other.T / WIDTH + 1) ** 3).mean()))
        return [float(np.mean(values))]

    def ours(real: np.ndarray, synthetic: np.ndarray) -> list[float]:
        return [kernel_distance(real, synthetic, subsets=SUBSETS, size=SUBSET_ROWS)]

    return ours if route == "ours" else recomputed


def prdc(route: str) -> Callable[[np.ndarray, np.ndarray], list[float]]:
    """Return a route to precision, recall, density and coverage; ours gives the clipped forms with them."""
    from prdc import compute_prdc

    from mrisynth.metrics.clipped import DensityCoverageComparison
    from mrisynth.metrics.manifold import PrecisionRecallComparison
    from mrisynth.metrics.neighbours import distances_between

    def ours(real: np.ndarray, synthetic: np.ndarray) -> list[float]:
        distances = distances_between(real, synthetic)
        kinds = PrecisionRecallComparison, DensityCoverageComparison
        values = np.concatenate([kind(real, synthetic, k=K, distances=distances)() for kind in kinds])
        return values[:4].tolist()

    def package(real: np.ndarray, synthetic: np.ndarray) -> list[float]:
        with contextlib.redirect_stdout(io.StringIO()):
            found = compute_prdc(real, synthetic, K)
        return [float(found[name]) for name in ("precision", "recall", "density", "coverage")]

    return ours if route == "ours" else package


def _difference(values: list[float], others: list[float]) -> float:
    """Return the largest relative difference."""
    return max(abs(value - other) / max(abs(other), 1e-12) for value, other in zip(values, others, strict=True))


if __name__ == "__main__":
    main()
