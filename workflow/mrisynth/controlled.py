"""Fakes drawn on request: for every real test slice one that is told the same, and more of every stratum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mrisynth.control_set import FLOOR, MEASURED, PAIRED, REQUESTED, STRATA, ControlSet
from mrisynth.covariate_condition import SOURCE
from mrisynth.covariate_regressor import Regressor
from mrisynth.covariates.rows import CovariateRows
from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, write_table
from mrisynth.metrics.paired_images import other_reals
from mrisynth.metrics.strata import StrataPlan
from mrisynth.networks.perceptual import SMALLEST
from mrisynth.perceptual import PerceptualDistance
from mrisynth.progress import Progress
from mrisynth.sampling import Sampler
from mrisynth.seeds import derive_seed, numpy_generator
from mrisynth.store import from_unit

_TOGETHER = 4  # as samples are drawn, see mrisynth.sampling.Sampler


def told_rows(sampler: Sampler) -> CovariateRows:
    """Return what a model knows of covariates.

    Raises:
        MrisynthError: it is told none.
    """
    if (covariates := sampler.facts.get("covariates")) is None:
        raise MrisynthError(f"Model {sampler.recipe.name} is told no covariates; control is of models that are.")
    return CovariateRows.from_dict(covariates)


def draw_rows(sampler: Sampler, rows: np.ndarray, seeds: Sequence[int], *, quiet: bool = False) -> np.ndarray:
    """Return one image for each row of covariates [n, 1 + K] without gaps, its latent from its own seed.

    Args:
        sampler: a model of covariates.
        rows: as :class:`mrisynth.covariates.rows.CovariateRows` has them.
        seeds: of the latents; equal seeds give equal latents.
        quiet: show no progress.

    Returns:
        uint8 [n, row, column], in colour with a last axis of channels.
    """
    found = np.empty((len(rows), *sampler.recipe.packed_shape), dtype=np.uint8)
    shape = sampler.latent_shape
    progress = None if quiet else Progress(f"drawing from {sampler.recipe.name}", len(rows))
    for start in range(0, len(rows), _TOGETHER):
        labels = [tuple(row) for row in rows[start : start + _TOGETHER].tolist()]
        latents = torch.zeros(_TOGETHER, *shape)
        for place, seed in enumerate(seeds[start : start + _TOGETHER]):
            latents[place] = torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed))[0]
        images, _ = sampler.generate(latents, labels + [labels[-1]] * (_TOGETHER - len(labels)))
        found[start : start + _TOGETHER] = from_unit(images[: len(labels)]).cpu().numpy()
        if progress is not None:
            progress.advance(len(labels))
    return found


@dataclass(frozen=True, kw_only=True)
class Requests:
    """What fakes are asked to be.

    Attributes:
        places: int64 [fakes], the real slice of the control set that each is the counterpart of.
        kinds: of each, ``paired`` (counterparts of every test slice) or ``strata``.
    """

    places: np.ndarray
    kinds: list[str]

    @classmethod
    def of(cls, control: ControlSet, plan: StrataPlan | None, *, draws: int) -> Requests:
        """Return ``draws`` counterparts of each test slice, and one for every row of the plan of strata."""
        test = control.of("test")
        if not len(test):
            raise MrisynthError(
                "No real slice is in the test split; nothing can be asked for. See cohort.test_fraction."
            )
        paired = np.tile(test, draws)
        more = test[plan.rows] if plan is not None else np.empty(0, dtype=np.int64)
        return cls(places=np.concatenate([paired, more]), kinds=[PAIRED] * len(paired) + [STRATA] * len(more))


def rows_asked(
    told: CovariateRows, control: ControlSet, places: np.ndarray, *, generator: np.random.Generator
) -> np.ndarray:
    """Return what a model is told so that it draws counterparts of real slices, rows [n, 1 + K of the model].

    It is told the true values of the covariates that it knows, also those that the source of the slice hides, and the
    source, where it has one of that name; what nobody knows is drawn.

    Args:
        told: what the model knows.
        control: the real slices.
        places: which of them.
        generator: of what is drawn.
    """
    values = np.full((len(places), len(told.covariates)), np.nan)
    for place, name in enumerate(told.names):
        if name in control.names:
            values[:, place] = control.values[places, control.names.index(name)]
    known = {source: number for number, source in enumerate(told.sources)}
    sources = np.array([known.get(str(source), 0) for source in control.table[SOURCE].to_numpy()[places]])
    return told.complete(told.rows(values, sources), generator)


def write_controlled(
    sampler: Sampler, control: ControlSet, requests: Requests, *, regressor: Regressor, perceptual: PerceptualDistance,
    seed: int, images_path: Path, table_path: Path,
) -> None:  # fmt: skip
    """Draw the fakes, measure them, and write both.

    The table has one row a fake: ``fake``, ``kind``, ``place`` (of its real slice in the control set), ``image``,
    ``participant_id``, ``source``, ``seed``, ``requested_*`` (what is true of the real slice) and ``measured_*`` of
    every covariate; of the first counterparts also the perceptual distance to the real slice, under the name of its
    network, and under that name and ``_floor`` the distance between the real slices of two people. Images too small
    for the network have no such distance.
    """
    told = told_rows(sampler)
    model, count = sampler.recipe.name, len(requests.places)
    rows = rows_asked(told, control, requests.places, generator=numpy_generator(seed, "controlled", model))
    seeds = [derive_seed(seed, "controlled", model, number) for number in range(count)]
    fakes = draw_rows(sampler, rows, seeds)
    measured = regressor.predict(fakes)
    mine = control.table.iloc[requests.places].reset_index(drop=True)
    table = pd.DataFrame({"fake": range(count), "kind": requests.kinds, "place": requests.places})
    table = pd.concat([table, mine[["image", "participant_id", SOURCE]]], axis=1).assign(seed=seeds)
    for place, name in enumerate(control.names):
        table[REQUESTED.format(name)] = control.values[requests.places, place]
        table[MEASURED.format(name)] = measured[:, place]
    if min(fakes.shape[1:3]) >= SMALLEST:
        _add_distances(table, control, fakes, perceptual, seed=seed)
    with atomic(images_path) as unfinished, unfinished.open("wb") as stream:
        np.save(stream, fakes, allow_pickle=False)
    write_table(table, table_path)


def _add_distances(
    table: pd.DataFrame, control: ControlSet, fakes: np.ndarray, perceptual: PerceptualDistance, *, seed: int
) -> None:
    """Add how far the first counterparts are from their real slices, and the real slices of two people apart."""
    test = control.of("test")
    reals = control.images[control.table["row"].to_numpy(dtype=np.int64)[test]]
    people, sources = (table[name].astype(str).tolist()[: len(test)] for name in ("participant_id", SOURCE))
    first = slice(0, len(test) - 1)
    table.loc[first, perceptual.name] = perceptual(reals, fakes[: len(test)])
    others = other_reals(people, sources, seed=seed)
    table.loc[first, perceptual.name + FLOOR] = perceptual(reals, reals[others])
