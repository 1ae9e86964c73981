"""Covariates measured by areas: discs of known size in brains made of flat tissues, and the files around them."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.control_regions import save_regions
from mrisynth.control_set import ControlSet
from mrisynth.control_study import area_measure
from mrisynth.covariates.kinds import Covariate
from mrisynth.metrics.control_areas import AreaMeasure, structure_areas_mm2

SIZE, PIXEL_MM = 64, 3.5
NAMES = ["ventricles_ml", "hippocampus_left_ml", "age"]
FLUID, GREY, WHITE = 40, 150, 220


def _disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.indices((SIZE, SIZE))
    return np.hypot(rows - row, columns - column) <= radius


def _brain(ventricle: float, hippocampus: float) -> np.ndarray:
    """A white brain with a grey rim, a fluid disc, and a grey disc in a pool of fluid."""
    image = np.zeros((SIZE, SIZE), dtype=np.uint8)
    image[_disc(32, 32, 26)] = GREY
    image[_disc(32, 32, 20)] = WHITE
    image[_disc(26, 32, ventricle)] = FLUID
    image[_disc(42, 24, 7)] = FLUID
    image[_disc(42, 24, hippocampus)] = GREY
    return image


@pytest.fixture(scope="module")
def brains() -> tuple[np.ndarray, np.ndarray]:
    """Brains, and their radii with an age that nothing shows."""
    random = np.random.default_rng(1)
    radii = random.uniform((3.0, 2.0), (7.0, 6.0), (40, 2))
    images = np.stack([_brain(*pair) for pair in radii])
    return images, np.column_stack([np.pi * radii**2, random.uniform(20, 80, 40)])


REGIONS = {
    "ventricles_ml": _disc(26, 32, 8).astype(float),
    "hippocampus_left_ml": _disc(42, 24, 7).astype(float),
}


def test_the_area_of_fluid_and_of_tissue_is_that_of_the_disc(brains):
    images, values = brains
    for place, name in enumerate(NAMES[:2]):
        areas = structure_areas_mm2(images, REGIONS[name], name=name, pixel_mm=PIXEL_MM)
        np.testing.assert_allclose(areas, values[:, place] * PIXEL_MM**2, rtol=0.25, atol=60)
        assert np.corrcoef(areas, values[:, place])[0, 1] > 0.98


def test_a_line_through_training_slices_measures_others_and_nothing_else(brains):
    images, values = brains
    known = values[:25].copy()
    known[::5, 0] = np.nan
    measure = AreaMeasure.fit(images[:25], known, NAMES, regions=REGIONS, pixel_mm=PIXEL_MM)
    assert set(measure.lines) == {"ventricles_ml", "hippocampus_left_ml"}
    found = measure.measure(images[25:], NAMES)
    assert np.isnan(found[:, 2]).all()
    assert np.abs(found[:, :2] - values[25:, :2]).mean() < 8
    assert np.isnan(measure.measure(np.zeros((2, SIZE, SIZE), dtype=np.uint8), NAMES)).all()


def test_too_few_slices_make_no_line(brains):
    images, values = brains
    assert not AreaMeasure.fit(images[:9], values[:9], NAMES, regions=REGIONS, pixel_mm=PIXEL_MM).lines


def test_maps_of_all_positions_are_read_as_their_mean_and_without_a_file_nothing_is_measured(brains, tmp_path):
    import pandas as pd

    images, values = brains
    table = pd.DataFrame({"row": range(40), "split": ["train"] * 30 + ["test"] * 10})
    covariates = tuple(Covariate(name=name) for name in NAMES)
    control = ControlSet(images=images, table=table, values=values, covariates=covariates, knows={})
    one = REGIONS["ventricles_ml"]
    save_regions({"ventricles_ml": np.stack([one, np.zeros_like(one)])}, tmp_path / "64.npz")
    measure = area_measure(control, tmp_path / "64.npz", pixel_mm=PIXEL_MM)
    assert measure.regions["ventricles_ml"].max() == 0.5
    assert set(measure.lines) == {"ventricles_ml"}
    assert area_measure(control, None, pixel_mm=PIXEL_MM) is None
