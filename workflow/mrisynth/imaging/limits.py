"""Limits: between which values a measure must lie, set in the configuration, learned from the cohort, or given here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

LEARNED, CONFIGURED, DEFAULT = "learned", "config", "default"
FEWEST_TO_LEARN = 20
SPREADS = 6.0  # learned limits lie so many robust standard deviations from the median


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What is measured of a scan, and when that is too much or too little.

    Attributes:
        low: least value that passes; None for no limit.
        high: largest value that passes.
        learned: sides, out of ``low`` and ``high``, that a cohort may make stricter, never laxer.
        closest: a learned limit stays at least this far from the cohort's median, so that an even cohort does not
            exclude its ordinary scans.
    """

    unit: str
    meaning: str
    low: float | None = None
    high: float | None = None
    learned: tuple[str, ...] = ()
    closest: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The limits of one measure in one study; ``source`` says where they come from."""

    measure: str
    low: float | None
    high: float | None
    source: str

    def sentence(self, value: float) -> str:
        """Return what is wrong with the value in one sentence, or nothing."""
        if not math.isfinite(value) or (self._above(value) and self._below(value)):
            return ""
        expected = (
            f"{self.low:.4g} to {self.high:.4g}"
            if self.low is not None and self.high is not None
            else f"at least {self.low:.4g}"
            if self.low is not None
            else f"at most {self.high:.4g}"
        )
        about = MEASURES[self.measure]
        unit = f" {about.unit}" if about.unit else ""
        return f"The {about.meaning} is {value:.4g}{unit}; expected {expected}{unit} ({self.source})."

    def _above(self, value: float) -> bool:
        return self.low is None or value >= self.low

    def _below(self, value: float) -> bool:
        return self.high is None or value <= self.high


MEASURES: dict[str, Measure] = {
    "brain_ml": Measure(unit="mL", meaning="volume of the brain mask", low=850.0, high=2200.0),
    "cut_fraction": Measure(
        unit="", meaning="share of the brain mask on the border of the scan's own field", high=0.02
    ),
    "orientation_margin": Measure(
        unit="",
        meaning="lead of the scan's orientation over the other 47 (correlation with the template)",
        low=0.0,
        learned=("low",),
        closest=0.1,
    ),
    "overlap": Measure(
        unit="",
        meaning="Dice overlap of the registered mask with the template's",
        low=0.92,
        learned=("low",),
        closest=0.015,
    ),
    # Not learned: large ventricles alone cost a well registered brain 0.2, and must not cost the cohort its oldest.
    "correlation": Measure(unit="", meaning="correlation of the registered brain with the template", low=0.4),
    "volume_ratio": Measure(
        unit="", meaning="volume of the scan's brain over the template's after registration", low=0.4, high=1.6
    ),
    "rotation_deg": Measure(
        unit="degrees", meaning="angle between the axes of the scan and of the template", high=60.0
    ),
    "outside_fraction": Measure(unit="", meaning="share of the registered brain on the border of the cube", high=0.001),
    "folds": Measure(unit="", meaning="share of the template's brain where the deformation folds", high=0.001),
    "intensity_range": Measure(
        unit="",
        meaning="range of the intensities inside the brain over their median",
        low=0.2,
        learned=("low", "high"),
        closest=0.6,
    ),
    "clipped_fraction": Measure(unit="", meaning="share of the brain at the scan's largest intensity", high=0.05),
    "bias": Measure(
        unit="",
        meaning="spread of the logarithm of the bias field inside the brain",
        high=0.6,
        learned=("high",),
        closest=0.2,
    ),
}
"""In the order in which they are judged: the first that fails is the scan's reason."""

# A rigid registration keeps a small brain small, so that it overlaps and correlates less.
OF_TRANSFORM = {"rigid": {"overlap": 0.6, "correlation": 0.3}}


def limits_of_study(
    measures: pd.DataFrame,
    *,
    configured: Mapping[str, tuple[float | None, float | None]],
    learn: bool,
    transform: str,
) -> list[Limit]:
    """Return the limits of every measure.

    A limit of the configuration stands as it is. Otherwise the default holds, made stricter by the cohort where
    ``learn`` is true, the measure allows it and at least 20 scans have it: median plus or minus six robust standard
    deviations (1.4826 times the median absolute deviation), but no closer to the median than ``Measure.closest``.
    The median and the deviation hardly move when a few scans are bad.

    Args:
        measures: one row a scan, a column for each measure that was taken.
        configured: measure to (low, high), None for no limit.
        learn: whether the cohort may make limits stricter.
        transform: of the registration, for defaults that depend on it.
    """
    return [_limit(name, measures.get(name), configured, learn=learn, transform=transform) for name in MEASURES]


def judge(row: Mapping[str, float], limits: list[Limit]) -> tuple[str, str]:
    """Return the first measure that is outside its limits and a sentence on each that is; empty texts when none is."""
    wrong = {
        limit.measure: sentence
        for limit in limits
        if pd.notna(row.get(limit.measure)) and (sentence := limit.sentence(float(row[limit.measure])))
    }
    return next(iter(wrong), ""), " ".join(wrong.values())


def table_of(limits: list[Limit]) -> pd.DataFrame:
    """Return the limits as a table: measure, low, high, unit, meaning, source."""
    rows = [
        {"measure": limit.measure, "low": limit.low, "high": limit.high}
        | {"unit": MEASURES[limit.measure].unit, "meaning": MEASURES[limit.measure].meaning, "source": limit.source}
        for limit in limits
    ]
    return pd.DataFrame(rows).astype({"low": "float64", "high": "float64"})


def _limit(
    name: str,
    values: pd.Series | None,
    configured: Mapping[str, tuple[float | None, float | None]],
    *,
    learn: bool,
    transform: str,
) -> Limit:
    if name in configured:
        low, high = configured[name]
        return Limit(measure=name, low=low, high=high, source=CONFIGURED)
    about = MEASURES[name]
    sides = {"low": OF_TRANSFORM.get(transform, {}).get(name, about.low), "high": about.high}
    known = pd.Series(dtype="float64") if values is None else values.astype("float64").dropna()
    if not learn or not about.learned or len(known) < FEWEST_TO_LEARN:
        return Limit(measure=name, **sides, source=DEFAULT)
    middle = float(known.median())
    reach = max(SPREADS * 1.4826 * float(np.median(np.abs(known - middle))), about.closest)
    learned = {"low": middle - reach, "high": middle + reach}
    stricter = {"low": max, "high": min}
    source = DEFAULT
    for side in about.learned:
        given = sides[side]
        sides[side] = learned[side] if given is None else stricter[side](given, learned[side])
        source = source if sides[side] == given else LEARNED
    return Limit(measure=name, **sides, source=source)
