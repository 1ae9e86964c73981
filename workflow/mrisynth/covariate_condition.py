"""Conditions of covariates: which scan is of which source, what its source knows of it, and the table of both."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.conditions import MOST_CATEGORIES, RESERVED, Condition
from mrisynth.covariates.kinds import Covariate
from mrisynth.covariates.rows import CovariateRows
from mrisynth.covariates.settings import ModelSettings
from mrisynth.errors import MrisynthError
from mrisynth.labels import MISSING_LABEL
from mrisynth.seeds import derive_seed

_LOG = logging.getLogger(__name__)
SOURCE = "source"
"""The column of a condition's table that says which source a scan is of."""

_SEEDS = 2**63


def build_covariate_condition(
    name: str,
    scans: pd.DataFrame,
    *,
    sources: Mapping[str, Mapping[str, Any]],
    completion: Mapping[str, Any] | None = None,
    seed: int,
) -> Condition:
    """Return the condition of sources that know different covariates.

    Its classes are the sources. A covariate that the source of a scan does not know is missing in the table, also where
    the study knows it. Numbers are continuous, those that are only 0 and 1 binary; words are categories, in the order
    of the alphabet.

    Args:
        name: of the condition.
        scans: one row a scan: ``scan``, ``participant_id``, ``split``, and the columns that are covariates.
        sources: by name, ``covariates`` (columns of ``scans``) and which scans are of the source: ``where`` (column to
            values) and ``part`` (from and to, of the number between 0 and 1 that a hash gives every participant);
            of both a scan has to be.
        completion: how what is missing is modelled, by the names of
            :class:`mrisynth.covariates.settings.ModelSettings`.
        seed: the study's seed, which the hash follows.

    Raises:
        MrisynthError: a column is missing or holds nothing, a scan is of two sources, or a source has no training scan.
    """
    scans = scans.reset_index(drop=True)
    numbers = _numbers(name, scans, sources, seed=seed)
    names = list(dict.fromkeys(one for source in sources.values() for one in source["covariates"]))
    _check_columns(name, scans, names)
    training = (scans["split"] == "train").to_numpy() & (numbers >= 0)
    for place, source in enumerate(sources):
        if not (training & (numbers == place)).any():
            raise MrisynthError(f"conditions.{name}.sources.{source}: no training scan is of it; widen where or part.")
    knows = {source: list(given["covariates"]) for source, given in sources.items()}
    told = pd.DataFrame({one: _known(scans[one], one, knows, numbers) for one in names})
    try:
        covariates = [_covariate(told[one], one) for one in names]
        values = covariate_values(told, covariates)
        settings = ModelSettings.from_dict(completion or {})
        rows = CovariateRows.fit(
            values[training], numbers[training], covariates, knows=knows, settings=settings, seed=seed
        )
    except MrisynthError as error:
        raise MrisynthError(f"conditions.{name}: {error}") from error
    table = pd.DataFrame({"scan": scans["scan"], SOURCE: _words(numbers, list(sources))})
    table = pd.concat([table, told], axis=1).assign(label=numbers, label_name=table[SOURCE])
    nobody = int((numbers == MISSING_LABEL).sum())
    counts = [f"{source} {(numbers == place).sum()}" for place, source in enumerate(sources)]
    _LOG.info("condition %s: scans of %s", name, ", ".join(counts))
    if nobody:
        _LOG.warning("condition %s: %d scans are of no source; models of this condition never see them", name, nobody)
    several = len(sources) > 1
    return Condition(
        name=name,
        table=table,
        columns={SOURCE: list(sources)} if several else {},
        classes=list(sources) if several else [],
        covariates=rows,
    )


def covariate_rows(condition: Condition, scans: Sequence[str]) -> np.ndarray:
    """Return the rows of labels of these scans, float64 [n, 1 + K]; see :class:`CovariateRows`."""
    rows = condition.covariates
    table = condition.table.set_index("scan").loc[list(scans)]
    return rows.rows(covariate_values(table, rows.covariates), table["label"].to_numpy())


def covariate_values(table: pd.DataFrame, covariates: Sequence[Covariate]) -> np.ndarray:
    """Return the covariates of a table's rows, float64 [n, K] in real units, of categories numbers; NaN is missing."""
    return np.column_stack([_values(table[one.name], one) for one in covariates])


def _numbers(name: str, scans: pd.DataFrame, sources: Mapping[str, Mapping[str, Any]], *, seed: int) -> np.ndarray:
    """Return the number of the source of every scan, int64; -1 for none."""
    numbers = np.full(len(scans), MISSING_LABEL)
    shares = np.array([derive_seed(seed, "source", person) / _SEEDS for person in scans["participant_id"]])
    for place, (source, given) in enumerate(sources.items()):
        key = f"conditions.{name}.sources.{source}"
        mine = np.ones(len(scans), dtype=bool)
        for column, wanted in (given.get("where") or {}).items():
            if column not in scans:
                raise MrisynthError(f"{key}.where names {column}; the scans table has {', '.join(scans)}.")
            mine &= scans[column].astype(str).isin([str(value) for value in wanted]).to_numpy()
        low, high = given.get("part") or (0.0, 1.0)
        mine &= (shares >= low) & (shares < high)
        if (both := mine & (numbers >= 0)).any():
            other = list(sources)[numbers[both][0]]
            raise MrisynthError(
                f"{key}: {scans['scan'][both].iloc[0]} is of source {other}, too ({both.sum()} scans); every scan is "
                "of one source: set where or part."
            )
        numbers[mine] = place
    return numbers


def _check_columns(name: str, scans: pd.DataFrame, wanted: Sequence[str]) -> None:
    for one in wanted:
        if one in (*RESERVED, SOURCE):
            raise MrisynthError(f"conditions.{name}.sources names {one}, which no covariate can be.")
        if one not in scans:
            raise MrisynthError(
                f"conditions.{name}.sources names {one}, which is not known; scans have {', '.join(scans)}. Volumes of "
                "regions are measured where covariates.regions.from is set."
            )


def _known(column: pd.Series, name: str, knows: Mapping[str, Sequence[str]], numbers: np.ndarray) -> pd.Series:
    """Return a column, missing where the source of the scan does not know it."""
    knowing = [place for place, names in enumerate(knows.values()) if name in names]
    return column.where(np.isin(numbers, knowing))


def _covariate(column: pd.Series, name: str) -> Covariate:
    if pd.api.types.is_numeric_dtype(column):
        binary = set(column.dropna().unique()) == {0, 1}
        return Covariate(name=name, kind="binary" if binary else "continuous")
    words = tuple(sorted(column.dropna().astype(str).unique()))
    if len(words) > MOST_CATEGORIES:
        raise MrisynthError(
            f"the covariate {name} has {len(words)} different words, such as {words[0]}; at most {MOST_CATEGORIES} can "
            "be categories, and a number must be one in every row."
        )
    return Covariate(name=name, kind="binary" if len(words) == 2 else "categorical", categories=words)


def _values(column: pd.Series, covariate: Covariate) -> np.ndarray:
    if not covariate.categories:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    number = {word: float(place) for place, word in enumerate(covariate.categories)}
    return column.map(number, na_action="ignore").to_numpy(dtype=np.float64, na_value=np.nan)


def _words(numbers: np.ndarray, sources: Sequence[str]) -> list[str | None]:
    return [sources[number] if number >= 0 else None for number in numbers]
