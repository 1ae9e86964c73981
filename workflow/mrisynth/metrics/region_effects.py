"""Effects on each region: what tells samples from real scans, and what sex and age do in both."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mrisynth.metrics.comparison import Value
from mrisynth.metrics.features import standardised, taken
from mrisynth.metrics.intervals import interval
from mrisynth.metrics.morphometry import Regions, real_draw
from mrisynth.metrics.quantiles import Z_95, t_95
from mrisynth.metrics.region_distances import SMALLEST, cohens_d, wasserstein_by_region

COLUMNS = [
    "model", "source", "effect", "region", "reference", "value", "low", "high", "real", "real_low", "real_high", "n",
    "n_real", "warning",
]  # fmt: skip

_FEW = 10
_YEARS = 10.0


def region_effects(
    source: Regions, real: dict[str, np.ndarray], columns: list[str], *, seed: int, draws: int = 20,
    replicates: int = 200,
) -> pd.DataFrame:  # fmt: skip
    """Return for each region what tells a set from test scans, one row an effect and region.

    * ``wasserstein``: Wasserstein-1 distance in standard deviations of the training scans, at equal numbers, with the
      interval of :func:`mrisynth.metrics.intervals.interval`. ``real`` is the same of test against training scans with
      its 5th and 95th percentile over draws.
    * ``difference``: Cohen's d, set minus test scans, with the 95 % interval of Hedges and Olkin 1985; ``real`` is
      test minus training scans.

    Args:
        source: the set.
        real: split -> [participant, region] of :func:`mrisynth.metrics.morphometry.one_scan_each`.
        columns: names of the regions, as in the arrays.
        seed: the study's seed.
        draws: random draws behind each floor.
        replicates: halves behind each interval.
    """
    test, train = (real.get(split, np.empty((0, len(columns)))) for split in ("test", "train"))
    n = min(len(test), len(train), len(source.ids))
    rows = {"model": source.name, "source": source.kind, "reference": "test", "n": len(source.ids), "n_real": len(test)}
    if n < SMALLEST:
        rows["warning"] = f"Not computed: {n} scans a set, {SMALLEST} or more are needed."
        effects = ("wasserstein", "difference")
        listed = [rows | {"effect": effect, "region": region} for effect in effects for region in columns]
        return pd.DataFrame(listed, columns=COLUMNS)
    parts = {name: standardised(values, train) for name, values in (("test", test), ("train", train))}
    samples = standardised(source.volumes, train)
    numbers = _distances(samples, parts, n=n, seed=seed, draws=draws, replicates=replicates)
    tables = [_rows("wasserstein", columns, numbers, rows | {"warning": _few(n)})]
    numbers = np.vstack([_d_interval(samples, parts["test"]), _d_interval(parts["test"], parts["train"])])
    tables.append(_rows("difference", columns, numbers, rows | {"warning": _few(n)}))
    return pd.concat(tables, ignore_index=True)


def covariate_effects(
    source: Regions, labels: pd.DataFrame, real: Regions, real_labels: pd.DataFrame, columns: list[str]
) -> pd.DataFrame:
    """Return what sex and age do to each region in conditional samples and in real scans; empty without labels.

    * ``sex``: Cohen's d, male minus female.
    * ``age``: slope per ten years, in standard deviations of the real scans (ordinary least squares). Where only
      ``age_tercile`` is known of the samples, the mean age of the real scans of that tercile stands for the age, for
      both.

    Values stand with their 95 % intervals. Only rows whose label is known count.

    Args:
        source: the samples.
        labels: their conditions; one row a sample, in the order of ``source.volumes``.
        real: the real scans, one a participant.
        real_labels: theirs, likewise, with ``sex`` (m, f), ``age`` in years and ``age_tercile``.
        columns: names of the regions.
    """
    volumes = standardised(source.volumes, real.volumes) if len(source.ids) else source.volumes
    scans = standardised(real.volumes, real.volumes)
    rows = {"model": source.name, "source": source.kind, "reference": "all"}
    tables = []
    if "sex" in labels and "sex" in real_labels:
        pairs = [(volumes, labels["sex"]), (scans, real_labels["sex"])]
        groups = [[values[(sex == which).to_numpy(dtype=bool)] for which in "mf"] for values, sex in pairs]
        counts = [min(map(len, pair)) for pair in groups]
        numbers = np.vstack([_d_interval(*pair) for pair in groups])
        about = {"n": sum(map(len, groups[0])), "n_real": sum(map(len, groups[1])), "warning": _few(min(counts))}
        tables.append(_rows("sex", columns, numbers, rows | about))
    if ages := _ages(labels, real_labels):
        numbers = np.vstack([_slopes(volumes, ages[0]), _slopes(scans, ages[1])])
        counts = [int(np.isfinite(age).sum()) for age in ages]
        about = {"n": counts[0], "n_real": counts[1], "warning": _few(min(counts))}
        tables.append(_rows("age", columns, numbers, rows | about))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def _ages(labels: pd.DataFrame, real_labels: pd.DataFrame) -> tuple[np.ndarray, np.ndarray] | None:
    if "age" not in real_labels:
        return None
    years = pd.to_numeric(real_labels["age"], errors="coerce")
    if "age" in labels:
        return pd.to_numeric(labels["age"], errors="coerce").to_numpy(float), years.to_numpy(float)
    if "age_tercile" in labels and "age_tercile" in real_labels:
        means = years.groupby(real_labels["age_tercile"]).mean()
        return tuple(table["age_tercile"].map(means).to_numpy(float) for table in (labels, real_labels))
    return None


def _distances(
    samples: np.ndarray, real: dict[str, np.ndarray], *, n: int, seed: int, draws: int, replicates: int
) -> np.ndarray:
    """Return value, low, high, floor, floor_low and floor_high, [6, regions]."""
    found = interval(
        _EachRegion(real["test"], samples), real_groups=np.arange(len(real["test"])), synthetic_count=len(samples),
        metric_values=[Value("wasserstein", "lower", 0.0, None)] * samples.shape[1], seed=seed,
        entity="region effects", replicates=replicates, n=n,
    )  # fmt: skip
    floors = [wasserstein_by_region(*real_draw(real, "test", n=n, seed=seed, draw=draw)) for draw in range(draws)]
    low, high = np.percentile(floors, (5, 95), axis=0)
    return np.array([found.value, found.low, found.high, np.mean(floors, axis=0), low, high])


class _EachRegion:
    """The Wasserstein distance of each region of two sets [n, regions] and [m, regions]: a Comparison."""

    smallest = SMALLEST

    def __init__(self, real: np.ndarray, samples: np.ndarray) -> None:
        self._real, self._samples = real, samples

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        return wasserstein_by_region(taken(self._real, real_rows), taken(self._samples, synthetic_rows))


def _d_interval(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return Cohen's d and the ends of its 95 % interval, [3, regions]."""
    if min(len(one), len(other)) < 2:
        return np.full((3, one.shape[1]), np.nan)
    found = cohens_d(one, other)
    count = len(one) + len(other)
    reach = Z_95 * np.sqrt(count / (len(one) * len(other)) + found**2 / (2 * count))
    return np.array([found, found - reach, found + reach])


def _slopes(values: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Return the slope of each region per ten years and the ends of its 95 % interval, [3, regions]."""
    known = np.isfinite(years)
    x, y = years[known], values[known]
    spread = float(((x - x.mean()) ** 2).sum()) if len(x) else 0.0
    if len(x) < SMALLEST or spread == 0.0:
        return np.full((3, values.shape[1]), np.nan)
    slope = (x - x.mean()) @ y / spread
    residual = y - y.mean(axis=0) - np.outer(x - x.mean(), slope)
    error = np.sqrt((residual**2).sum(axis=0) / (len(x) - 2) / spread)
    reach = t_95(len(x) - 2) * error
    return _YEARS * np.array([slope, slope - reach, slope + reach])


def _rows(effect: str, columns: list[str], numbers: np.ndarray, about: dict[str, object]) -> pd.DataFrame:
    def listed() -> Iterator[dict[str, object]]:
        names = ("value", "low", "high", "real", "real_low", "real_high")
        for column, region in enumerate(columns):
            found = dict(zip(names, numbers[:, column], strict=True))
            yield about | {"effect": effect, "region": region} | found

    return pd.DataFrame(listed(), columns=COLUMNS)


def _few(n: int) -> str:
    return f"Only {n} in the smallest group, {_FEW} or more are recommended." if n < _FEW else ""
