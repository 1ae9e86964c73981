"""Models against one another in control: differences on the same requested values, with paired intervals."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.agreement import better
from mrisynth.metrics.control import ControlValues, by_draw, known_rows
from mrisynth.metrics.pairs import UNDECIDED
from mrisynth.metrics.participant_draws import ParticipantDraws

COLUMNS = [
    "comparison", "source", "covariate", "measure", "better", "one", "other", "value_one", "value_other", "difference",
    "low", "high", "n", "participants", "ahead",
]  # fmt: skip


def compare_control(models: Mapping[str, ControlValues], *, seed: int, replicates: int = 500) -> pd.DataFrame:
    """Return every two models with the difference of each measure, one row each; columns :data:`COLUMNS`.

    Only images that could be measured of both count. The participants are drawn anew for both at once, so that their
    luck falls out of the difference. ``ahead`` is the better of the two where the interval leaves 0 out; with many
    rows some stand apart by chance: one in twenty of models that do not differ.

    Args:
        models: name -> its values; all were asked for the same rows.
        seed: the study's seed.
        replicates: resamplings behind each interval.

    Raises:
        MrisynthError: two models were asked for different values, or of other participants or sources.
    """
    rows: list[dict[str, Any]] = []
    for (one, first), (other, second) in combinations(models.items(), 2):
        _check_same(one, first, other, second)
        draws = first.draws(seed=seed, replicates=replicates)
        for source in draws.sources:
            for comparison in ("requested", "paired"):
                for column, covariate in enumerate(first.names):
                    shared = {"comparison": comparison, "source": source, "covariate": covariate}
                    found = _differences((first, second), draws, comparison, source, column, names=(one, other))
                    rows += [shared | {"one": one, "other": other} | row for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _differences(
    pair: tuple[ControlValues, ControlValues], draws: ParticipantDraws, comparison: str, source: str, column: int, *,
    names: tuple[str, str],
) -> list[dict[str, Any]]:  # fmt: skip
    rows = np.intersect1d(*(known_rows(one, draws, comparison, source, column) for one in pair))
    first, second = (by_draw(one, draws, comparison, rows, column) for one in pair)
    found = []
    for measure, values in first.items():
        gap = draws.estimate(values - second[measure], rows, measure="difference")
        lead, trail = names if better(measure) == "higher" else names[::-1]
        ahead = lead if gap.low > 0 else trail if gap.high < 0 else UNDECIDED
        found.append(
            {"measure": measure, "better": better(measure), "value_one": values[0], "value_other": second[measure][0]}
            | {"difference": gap.value, "low": gap.low, "high": gap.high, "ahead": ahead}
            | {"n": len(rows), "participants": gap.participants}
        )
    return found


def _check_same(one: str, first: ControlValues, other: str, second: ControlValues) -> None:
    same = (
        list(first.names) == list(second.names)
        and list(first.kinds) == list(second.kinds)
        and list(first.participants) == list(second.participants)
        and list(first.sources) == list(second.sources)
        and np.array_equal(first.requested, second.requested, equal_nan=True)
    )
    if not same:
        raise MrisynthError(
            f"{one} and {other} were not asked for the same values of the same participants; draw both models with the "
            "same labels."
        )
