"""The control of a model of covariates: tables of what was asked for and measured, brought together and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.control_set import FLOOR, MEASURED, PAIRED, REQUESTED, STRATA, ControlSet
from mrisynth.covariate_condition import SOURCE
from mrisynth.files import read_json, read_table
from mrisynth.metrics.control import Control, ControlValues, score_control
from mrisynth.metrics.control_areas import AreaMeasure
from mrisynth.metrics.paired_images import PairedImages, Perceptual, other_reals, score_paired_images
from mrisynth.metrics.strata import StrataPlan, plan_strata
from mrisynth.metrics.strata_scores import Predictions, Strata, score_strata

REGRESSOR, AREA = "regressor", "area"
"""What measures covariates: networks trained on real slices, or the area of a structure in pixels."""
_CONTINUOUS = ("continuous", "binary")


@dataclass(frozen=True, kw_only=True)
class ControlStudy:
    """The fakes of a model beside their real counterparts.

    Attributes:
        control: the real slices and what is true of them.
        real: what the regressor measured in them, one row a slice in the order of the control set.
        fakes: table of the fakes, see :func:`mrisynth.controlled.write_controlled`.
        told: by source, the covariates that the model was taught with scans of that source.
        model: its name.
        size: pixels a side.
        regressor_sha256: of its weights.
        seed: the study's seed.
        images: array of the fakes.
        area: measures covariates in pixels; None where no label map says where structures lie.
    """

    control: ControlSet
    real: pd.DataFrame
    fakes: pd.DataFrame
    told: Mapping[str, Sequence[str]]
    model: str
    size: int
    regressor_sha256: str
    seed: int
    images: Path
    area: AreaMeasure | None = None

    @property
    def measures(self) -> list[str]:
        """What measured covariates: the regressor, and areas where there are any."""
        return [REGRESSOR, *([AREA] if self.area is not None and self.area.lines else [])]

    def values(self, measured_by: str = REGRESSOR) -> ControlValues:
        """Return what was asked for and measured in the counterparts of the test slices.

        Args:
            measured_by: one of :attr:`measures`; areas measure some of the covariates.
        """
        mine = self.fakes[self.fakes["kind"] == PAIRED]
        places = mine["place"].to_numpy(dtype=np.int64)
        names, shown = self.control.names, list(range(len(self.control.names)))
        if measured_by == AREA:
            shown = [place for place, name in enumerate(names) if name in self.area.lines]
            fakes = open_array(self.images)[mine["fake"].to_numpy(dtype=np.int64)]
            measured, real = self.area.measure(fakes, names), self._real_areas()[places]
        else:
            measured, real = _columns(mine, MEASURED, names), _columns(self.real, MEASURED, names)[places]
        return ControlValues(
            requested=_columns(mine, REQUESTED, names)[:, shown],
            measured=measured[:, shown],
            real_measured=real[:, shown],
            truth=self.control.values[places][:, shown],
            names=[names[place] for place in shown],
            kinds=[self.control.kinds[place] for place in shown],
            participants=mine["participant_id"].astype(str).tolist(),
            sources=mine[SOURCE].astype(str).tolist(),
            scales=self._scales()[shown],
            told={source: list(self.told.get(source, ())) for source in self.control.knows},
        )

    def score(self, measured_by: str = REGRESSOR, *, replicates: int) -> Control:
        """Return how well fakes have what they were asked for."""
        fields = self._fields()
        if measured_by == AREA:
            fields |= {"measured_by": AREA, "measured_by_sha256": "none: pixels"}
        return score_control(self.values(measured_by), **fields, replicates=replicates)

    def score_strata(self, plan: StrataPlan, *, replicates: int) -> Strata:
        """Return the strata prediction score, of continuous and binary covariates."""
        test, mine = self.control.of("test"), self.fakes[self.fakes["kind"] == STRATA]
        shown = [place for place, one in enumerate(self.control.covariates) if one.kind in _CONTINUOUS]
        table = self.control.table.iloc[test]
        found = Predictions(
            fakes=_columns(mine, MEASURED, self.control.names)[:, shown],
            reals=_columns(self.real, MEASURED, self.control.names)[test][:, shown],
            truth=self.control.values[test][:, shown],
            names=[self.control.names[place] for place in shown],
            kinds=[self.control.kinds[place] for place in shown],
            scales=self._scales()[shown].tolist(),
            participants=table["participant_id"].astype(str).tolist(),
            sources=table[SOURCE].astype(str).tolist(),
        )
        return score_strata(plan, found, **self._fields(), replicates=replicates)

    def score_pairs(self, *, perceptual: Mapping[str, Any], replicates: int) -> PairedImages:
        """Return how alike each test slice and its first counterpart are.

        Args:
            perceptual: ``name``, ``sha256`` and ``trained`` of the network behind the perceptual distance.
            replicates: resamplings behind each interval.
        """
        test = self.control.of("test")
        table = self.control.table.iloc[test]
        people, sources = (table[name].astype(str).tolist() for name in ("participant_id", SOURCE))
        mine = self.fakes.iloc[: len(test)]
        distances = [self._distance(mine, perceptual)] if perceptual["name"] in mine else []  # small images have none
        return score_paired_images(
            self.control.images[table["row"].to_numpy(dtype=np.int64)],
            np.asarray(open_array(self.images)[: len(test)]),
            participants=people,
            sources=sources,
            model=self.model,
            perceptual=distances,
            others=other_reals(people, sources, seed=self.seed),
            seed=self.seed,
            replicates=replicates,
        )

    def _real_areas(self) -> np.ndarray:
        """Return what areas say of the real slices, [n, K]; NaN of those that are not in the test split."""
        found, test = np.full(self.control.values.shape, np.nan), self.control.of("test")
        rows = self.control.table["row"].to_numpy(dtype=np.int64)[test]
        found[test] = self.area.measure(self.control.images[rows], self.control.names)
        return found

    def _distance(self, mine: pd.DataFrame, perceptual: Mapping[str, Any]) -> Perceptual:
        name = perceptual["name"]
        return Perceptual(
            name=name,
            fake=mine[name].to_numpy(dtype=np.float64),
            others=mine[name + FLOOR].to_numpy(dtype=np.float64),
            sha256=perceptual["sha256"],
            trained=perceptual["trained"],
        )

    def _scales(self) -> np.ndarray:
        """Return one standard deviation of every covariate over the training slices."""
        spreads = np.nanstd(self.control.values[self.control.of("train")], axis=0)
        return np.where(spreads > 0, spreads, 1.0)

    def _fields(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "measured_by": REGRESSOR,
            "measured_by_sha256": self.regressor_sha256,
            "view": f"slice {self.size}",
            "seed": self.seed,
        }


def read_control_study(
    control: ControlSet, *, real: str | Path, fakes: str | Path, images: str | Path, recipe: str | Path,
    regressor: str | Path, seed: int, area: AreaMeasure | None = None,
) -> ControlStudy:  # fmt: skip
    """Bring the tables of a model together.

    Args:
        control: the real slices.
        real: table of what was measured in them.
        fakes: table of the fakes.
        images: array of the fakes.
        recipe: recipe.json of the model.
        regressor: regressor.json of the networks.
        seed: the study's seed.
        area: see :func:`area_measure`.
    """
    facts = read_json(recipe)
    knows = {one["source"]: tuple(one["covariates"]) for one in facts["covariates"]["sources"]}
    return ControlStudy(
        control=control,
        real=read_table(real),
        fakes=read_table(fakes),
        told=knows,
        model=facts["model"]["name"],
        size=facts["model"]["size"],
        regressor_sha256=read_json(regressor)["weights_sha256"],
        seed=seed,
        images=Path(images),
        area=area,
    )


def area_measure(control: ControlSet, regions: str | Path | None, *, pixel_mm: float) -> AreaMeasure | None:
    """Return what measures covariates in pixels, by the real training slices; None without maps of where they lie.

    All slices are measured in the mean of the maps over the positions, for nobody knows the position of a sample.

    Args:
        control: the real slices.
        regions: ``.npz`` of maps by covariate, float [position, row, column].
        pixel_mm: edge of a pixel.
    """
    if regions is None:
        return None
    with np.load(regions, allow_pickle=False) as stored:
        maps = {name: stored[name].mean(axis=0) for name in stored.files}
    train = control.of("train")
    rows = control.table["row"].to_numpy(dtype=np.int64)[train]
    return AreaMeasure.fit(control.images[rows], control.values[train], control.names, regions=maps, pixel_mm=pixel_mm)


def plan_of(control: ControlSet, *, covariates: Sequence[str], samples: int, seed: int) -> StrataPlan | None:
    """Return which counterparts are drawn for the strata of some covariates; None where no test slice has them all."""
    test = control.of("test")
    values = control.values[test][:, [control.names.index(name) for name in covariates]]
    if not covariates or not np.isfinite(values).all(axis=1).any():
        return None
    sources = control.table[SOURCE].astype(str).to_numpy()[test].tolist()
    return plan_strata(values, sources, covariates=covariates, num_samples=samples, seed=seed)


def _columns(table: pd.DataFrame, kind: str, names: Sequence[str]) -> np.ndarray:
    return np.column_stack([table[kind.format(name)].to_numpy(dtype=np.float64, na_value=np.nan) for name in names])
