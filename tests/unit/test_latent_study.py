"""The study of latents: tables, arrays and figures of a small model with encoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mrisynth.conditions import build_condition
from mrisynth.embeddings import load_embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.latent_study import AMOUNTS, LatentFiles, latent_study, reconstruction_scores
from mrisynth.latents import LatentSpace
from mrisynth.recipes import ModelRecipe
from mrisynth.reporting.latents import latent_figures
from mrisynth.store import Pyramid, from_unit
from mrisynth.training.export import export_untrained

RECIPE = ModelRecipe(
    name="model", family="hagan", condition="sex", size=32, images_total=4, images_per_chunk=4, batch_size=2,
    family_recipe={"width": 8, "latent": 8, "encoders": "attached"},
)  # fmt: skip
COUNT, TRAINING = 28, 24


@pytest.fixture(scope="module")
def pyramid() -> Pyramid:
    random = np.random.default_rng(0)
    images = np.zeros((COUNT, 32, 32, 32), dtype=np.uint8)
    for row in range(COUNT):
        images[row, 8:24, 8:24, 8:24] = random.integers(1, 60 + 6 * row, (16, 16, 16))
    return Pyramid(images=images, scans=[f"s{row:02d}" for row in range(COUNT)], path=Path("32.npy"))


@pytest.fixture(scope="module")
def scans(pyramid) -> pd.DataFrame:
    """The table in another order than the pyramid; age is the brightness that a scan was drawn with."""
    table = pd.DataFrame({"scan": pyramid.scans, "participant_id": pyramid.scans})
    table["split"] = ["train"] * TRAINING + ["test"] * (COUNT - TRAINING)
    table["sex"] = ["m", "f", "f", None] * 7
    table["age"] = [20.0 + 2 * row for row in range(COUNT)]
    table["sha256"] = [str(row % 2) for row in range(COUNT)]  # no covariate, though it has two values
    return table.iloc[::-1].reset_index(drop=True)


@pytest.fixture(scope="module")
def written(pyramid, scans, tmp_path_factory) -> tuple[LatentSpace, LatentFiles, Path]:
    folder = tmp_path_factory.mktemp("latents")
    condition = build_condition("sex", scans, kind="categorical", columns=["sex"])
    export_untrained(
        RECIPE, classes=condition.classes, columns=condition.columns, label_counts=[1, 1], field_mm=224.0,
        affine=np.eye(4).tolist(), folder=folder / "model", seed=1,
    )  # fmt: skip
    space = LatentSpace.load(folder / "model")
    names = {
        "latents": "l.npz",
        "reconstructions": "r.tsv",
        "directions": "d.tsv",
        "units": "d.npz",
        "volumes": "v.npz",
    }
    files = LatentFiles(**{key: folder / name for key, name in names.items()})
    latent_study(space, pyramid=pyramid, scans=scans, condition=condition, files=files, seed=1)
    return space, files, folder


def test_hand_computed_scores_of_a_reconstruction():
    real = np.zeros((2, 2, 2), dtype=np.uint8)
    real[0, 0] = 255
    made = np.zeros((2, 2, 2), dtype=np.float32)
    made[0, 0] = 0.9
    made[1, 1, 1] = 0.4  # outside the brain: in l1 alone
    scores = reconstruction_scores(real, made)
    assert scores["l1"] == pytest.approx((0.1 + 0.1 + 0.4) / 8)
    assert scores["psnr"] == pytest.approx(20)
    assert reconstruction_scores(real, real / 255)["psnr"] > 100


def test_every_scan_has_a_row_beside_the_mean_training_scan(written, pyramid):
    space, files, _ = written
    table = read_table(files.reconstructions)
    assert table["scan"].tolist() == pyramid.scans
    assert table["split"].tolist() == ["train"] * TRAINING + ["test"] * (COUNT - TRAINING)
    # sex of the scans in the order of the pyramid: m f f n/a; labels 0 1 1 -1
    made = (space.reconstruct(pyramid.images[25:28], [1, 1, -1]) + 1) / 2
    mean = pyramid.images[:TRAINING].mean(axis=0) / 255
    for row in range(3):
        real = pyramid.images[25 + row] / 255
        assert table["l1"][25 + row] == pytest.approx(np.abs(made[row] - real).mean(), abs=1e-5)
        assert table["l1_mean_scan"][25 + row] == pytest.approx(np.abs(mean - real).mean(), abs=1e-5)
    latents = load_embeddings(files.latents)
    assert latents.ids == pyramid.scans
    np.testing.assert_allclose(latents.features, space.encode(pyramid.images), atol=1e-5)
    np.testing.assert_allclose(table["latent_rms"], np.sqrt((latents.features**2).mean(axis=1)), rtol=1e-5)


def test_directions_are_fitted_to_training_scans_and_scored_on_test_scans(written):
    _, files, _ = written
    table = read_table(files.directions).set_index("covariate")
    assert set(table.index) == {"age"}  # sex: 18 training scans have one, too few
    assert table.loc["age", ["n", "n_test"]].tolist() == [TRAINING, COUNT - TRAINING]
    assert np.isfinite(
        table.loc["age", ["r2", "r2_chance", "r2_test", "change", "spread", "moved"]].astype(float)
    ).all()
    units = load_embeddings(files.units)
    assert units.ids == ["age"]
    np.testing.assert_allclose(np.linalg.norm(units.features, axis=1), 1, rtol=1e-5)


def test_the_volumes_are_of_the_first_test_scans(written, pyramid):
    space, files, _ = written
    with np.load(files.volumes, allow_pickle=False) as stored:
        found = {name: stored[name] for name in stored.files}
    assert found["split"].item() == "test"
    np.testing.assert_array_equal(found["real"], pyramid.images[TRAINING:])
    latents = space.encode(pyramid.images[TRAINING : TRAINING + 2])
    ends = from_unit(space.decode(latents, 0)).astype(int)  # the first test scan is m, label 0
    assert np.abs(found["spherical"][[0, -1]] - ends).max() <= 1
    assert found["walk:age"].shape == (len(AMOUNTS), 32, 32, 32)
    assert np.abs(found["walk:age"][AMOUNTS.index(0.0)] - ends[0]).max() <= 1


def test_the_figures_are_drawn(written):
    _, files, folder = written
    paths = {name: folder / f"{name}.png" for name in ("reconstructions", "interpolation", "directions")}
    latent_figures(files.volumes, read_table(files.directions), model="model", **paths)
    for path in paths.values():
        with Image.open(path) as image:
            assert image.width > 300 and np.asarray(image.convert("L")).std() > 10
    with np.load(files.volumes) as stored:
        np.savez(folder / "none.npz", **{name: stored[name] for name in stored.files if not name.startswith("walk:")})
    latent_figures(folder / "none.npz", read_table(files.directions).iloc[:0], model="model", **paths)
    assert paths["directions"].stat().st_size > 0


def test_a_study_without_training_scans_is_refused(written, pyramid, scans):
    space, files, _ = written
    condition = build_condition("none", scans, kind="none")
    with pytest.raises(MrisynthError, match="no scan is in the training split"):
        latent_study(space, pyramid=pyramid, scans=scans.assign(split="test"), condition=condition, files=files, seed=1)
