"""A condition of covariates in use: one chunk is trained, drawn from at the command line, asked, measured and scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.blobs import slice_recipe

from mrisynth.conditions import read_condition, write_condition
from mrisynth.control_set import MEASURED, REQUESTED, TRUE, ControlSet, read_control_set
from mrisynth.control_study import plan_of, read_control_study
from mrisynth.control_tables import write_control
from mrisynth.control_view_files import load_views
from mrisynth.control_views import draw_views
from mrisynth.controlled import Requests, rows_asked, told_rows, write_controlled
from mrisynth.covariate_condition import build_covariate_condition
from mrisynth.covariate_pictures import write_pairs
from mrisynth.covariate_regressor import Regressor, RegressorSettings, train_regressor
from mrisynth.datasets import load_training_set
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, read_table, write_table
from mrisynth.perceptual import load_perceptual
from mrisynth.regressor_job import labelled, write_real
from mrisynth.reporting.control_views_figures import grid_figure, heads_figure
from mrisynth.sample import main
from mrisynth.sampling import Sampler
from mrisynth.slices.packing import INDEX, INDEX_COLUMNS
from mrisynth.training.chunk import ChunkFiles, train_chunk
from mrisynth.untrained import draw_untrained

SOURCES = {
    "north": {"where": {"site": ["north"]}, "covariates": ["age", "top_ml"]},
    "south": {"where": {"site": ["south"]}, "covariates": ["age", "left_ml"]},
}
NARROW = {"width": 8, "full_to": 8, "latent": 6, "style": 8, "head_width": 8}
PEOPLE, SIZE = 60, 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Packed slices whose upper and left bars are as bright as the covariates say, their scans and the condition."""
    folder = tmp_path_factory.mktemp("packed")
    random = np.random.default_rng(0)
    scans = pd.DataFrame({"scan": [f"scan-{number:02d}" for number in range(PEOPLE)]})
    scans["participant_id"] = [f"person-{number:02d}" for number in range(PEOPLE)]
    scans["site"] = [("north", "south", "east")[number % 3] for number in range(PEOPLE)]
    scans["split"] = ["train"] * 36 + ["validation"] * 9 + ["test"] * 15
    scans["age"] = random.uniform(20, 80, PEOPLE).round(1)
    scans["top_ml"], scans["left_ml"] = random.uniform(2, 9, (2, PEOPLE)).round(2)
    images = random.integers(0, 30, (PEOPLE, SIZE, SIZE)).astype(np.uint8)
    images[:, :8] += (20 * scans["top_ml"].to_numpy()).astype(np.uint8)[:, None, None]
    images[:, 12:, :8] += (20 * scans["left_ml"].to_numpy()).astype(np.uint8)[:, None, None]
    np.save(folder / f"{SIZE}.npy", images)
    rows = pd.DataFrame({"row": range(PEOPLE), "image": scans["scan"] + "_coronal-016", "scan": scans["scan"]})
    rows = rows.assign(participant_id=scans["participant_id"], split=scans["split"], status="passed")
    rows.reindex(columns=INDEX_COLUMNS).to_csv(folder / INDEX, sep="\t", index=False, na_rep="n/a")
    write_table(scans, folder / "scans.tsv")
    condition = build_covariate_condition("volumes", scans, sources=SOURCES, seed=3)
    write_condition(condition, folder / "volumes.tsv")
    return folder


def _train(folder: Path, out: Path, **settings: str) -> None:
    data = load_training_set(
        folder, size=SIZE, scans=folder / "scans.tsv", condition=folder / "volumes.tsv", dimensions=2
    )
    recipe = replace(
        slice_recipe("mssg"), name="model", condition="volumes", size=SIZE, images_total=32, images_per_chunk=32,
        batch_size=8, balance_classes=True, family_recipe=NARROW | settings,
    )  # fmt: skip
    train_chunk(
        recipe, images=data.images, rows=data.rows, labels=data.labels, columns=data.condition.columns,
        classes=data.condition.classes, covariates=data.condition.covariates,
        files=ChunkFiles(state=out / "state.pt", curve=out / "curve.tsv", candidate=out / "model", watch=out / "watch"),
        facts={"label_counts": data.label_counts, "affine": np.eye(4).tolist(), "field_mm": 224.0},
        chunk=0, seed=3, device="cpu", threads=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("model")
    _train(folder, out)
    return out / "model"


@pytest.fixture(scope="module")
def control(folder) -> ControlSet:
    return read_control_set(
        folder, size=SIZE, condition=folder / "volumes.tsv", scans=folder / "scans.tsv", regions=None
    )


@pytest.fixture(scope="module")
def regressor(control) -> Regressor:
    sets = [labelled(control, split) for split in ("train", "validation")]
    settings = RegressorSettings(members=1, epochs=30, width=4)
    return train_regressor(*sets, control.covariates, seed=3, settings=settings)


def test_scans_of_no_source_are_left_out_and_the_others_have_rows(folder):
    data = load_training_set(
        folder, size=SIZE, scans=folder / "scans.tsv", condition=folder / "volumes.tsv", dimensions=2
    )
    assert data.rows.tolist() == [number for number in range(36) if number % 3 < 2]
    assert data.labels.shape == (24, 4)
    assert data.label_counts == [12, 12]
    assert np.isnan(data.labels[data.labels[:, 0] == 0, 3]).all()
    assert np.isnan(data.labels[data.labels[:, 0] == 1, 2]).all()


def test_the_same_seed_trains_the_same_model(folder, model, tmp_path):
    _train(folder, tmp_path)
    facts, again = read_json(model / "recipe.json"), read_json(tmp_path / "model" / "recipe.json")
    assert facts == again
    _train(folder, tmp_path / "imputed", missing="imputed")
    assert read_json(tmp_path / "imputed" / "model" / "recipe.json")["weights_sha256"] != facts["weights_sha256"]


def test_the_recipe_of_a_model_holds_what_it_knows_and_it_is_watched(folder, model):
    facts = read_json(model / "recipe.json")
    assert facts["classes"] == ["north", "south"]
    assert facts["label_counts"] == [12, 12]
    assert [one["covariates"] for one in facts["covariates"]["sources"]] == [["age", "top_ml"], ["age", "left_ml"]]
    assert (model.parent / "watch" / "grid-000000032.png").is_file()


def test_samples_are_told_whole_rows_and_say_them_in_real_units(model):
    samples = Sampler.load(model).draw(6, seed=5)
    assert samples.volumes.shape == (6, SIZE, SIZE)
    assert set(samples.labels.tolist()) <= {0, 1}
    assert set(samples.told[0]) == {"source", "age", "top_ml", "left_ml"}
    assert all(20 <= told["age"] <= 80 for told in samples.told)
    later = Sampler.load(model).draw(2, seed=5, first=3)
    np.testing.assert_array_equal(later.volumes, samples.volumes[3:5])
    assert later.told == samples.told[3:5]


def test_the_command_line_asks_for_covariates(model, tmp_path, capsys):
    words = [str(model), "--output", str(tmp_path / "out"), "--count", "3", "--condition", "source=south", "top_ml=4"]
    assert main(words) == 0
    table = read_table(tmp_path / "out" / "samples.tsv")
    assert set(table["source"]) == {"south"}
    assert set(table["top_ml"]) == {4.0}
    assert table["left_ml"].nunique() == 3
    assert main([str(model), "--list"]) == 0
    listed = capsys.readouterr().out
    assert "source: north, south" in listed and "left_ml: a number, mostly" in listed and "(known to south)" in listed
    assert main([str(model), "--output", str(tmp_path / "other"), "--condition", "weight=3"]) == 1
    assert "no covariate 'weight'" in capsys.readouterr().err


def test_the_untrained_generator_is_told_the_same(folder, model, tmp_path):
    recipe = Sampler.load(model).recipe
    draw_untrained(
        recipe, trained=model / "recipe.json", count=3, seed=3, device="cpu", path=tmp_path / "untrained.npy"
    )
    assert np.load(tmp_path / "untrained.npy").shape == (3, SIZE, SIZE)


def test_control_is_asked_for_what_sources_hide(control):
    assert control.names == ["age", "top_ml", "left_ml"]
    assert len(control.table) == 40
    assert np.isfinite(control.values).all(), "the study knows what the sources hide"
    assert control.knows == {"north": ("age", "top_ml"), "south": ("age", "left_ml")}
    assert set(control.table["source"]) == {"north", "south"}


def test_a_model_of_one_source_is_told_its_own_covariates(folder, control):
    alone = build_covariate_condition(
        "alone", read_table(folder / "scans.tsv"), sources={"south": SOURCES["south"]}, seed=3
    ).covariates
    places = control.of("test")
    rows = rows_asked(alone, control, places, generator=np.random.default_rng(1))
    values, sources = alone.values(rows)
    assert alone.names == ["age", "left_ml"]
    np.testing.assert_allclose(values, control.values[places][:, [0, 2]])
    assert set(sources) == {0}


def test_fakes_are_asked_measured_scored_and_drawn(folder, model, control, regressor, tmp_path):
    write_real(control, regressor, tmp_path / "real.tsv")
    regressor.save(tmp_path)
    plan = plan_of(control, covariates=["age"], samples=4, seed=3)
    requests = Requests.of(control, plan, draws=2)
    tested = len(control.of("test"))
    assert requests.kinds.count("paired") == 2 * tested
    assert requests.kinds.count("strata") == len(plan.rows)
    sampler, perceptual = Sampler.load(model), load_perceptual(seed=3)
    write_controlled(
        sampler, control, requests, regressor=Regressor.load(tmp_path), perceptual=perceptual, seed=3,
        images_path=tmp_path / "fakes.npy", table_path=tmp_path / "fakes.tsv",
    )  # fmt: skip
    real, fakes = read_table(tmp_path / "real.tsv"), read_table(tmp_path / "fakes.tsv")
    assert len(np.load(tmp_path / "fakes.npy")) == len(fakes) == len(requests.places)
    assert fakes[REQUESTED.format("top_ml")].tolist() == real[TRUE.format("top_ml")][fakes["place"]].tolist()
    test = real[real["split"] == "test"]
    assert np.corrcoef(test[TRUE.format("top_ml")], test[MEASURED.format("top_ml")])[0, 1] > 0.7
    distances = fakes["lpips_random"].notna()
    assert distances.sum() == tested
    study = read_control_study(
        control, real=tmp_path / "real.tsv", fakes=tmp_path / "fakes.tsv", images=tmp_path / "fakes.npy",
        recipe=model / "recipe.json", regressor=tmp_path / "regressor.json", seed=3,
    )  # fmt: skip
    names = ("table", "summary", "strata", "strata_summary", "pairs")
    paths = {name: tmp_path / f"scored.{name}.tsv" for name in names}
    paths |= {"picture": tmp_path / "scored.png", "area": tmp_path / "area.png"}
    told = {"name": perceptual.name, "sha256": perceptual.sha256, "trained": perceptual.trained}
    write_control(study, plan, perceptual=told, replicates=50, paths=paths)
    scores = read_table(paths["table"]).set_index("metric")
    assert {"control_requested_r_top_ml", "control_requested_r_left_ml_north", "paired_ssim"} <= set(scores.index)
    assert not scores["features_trained"]["paired_lpips_random"]
    ceiling = np.corrcoef(test[TRUE.format("top_ml")], test[MEASURED.format("top_ml")])[0, 1]
    assert scores["floor"]["control_requested_r_top_ml"] == pytest.approx(ceiling, abs=1e-6)
    summary = read_table(paths["summary"])
    of_top = summary[(summary["covariate"] == "top_ml") & (summary["comparison"] == "requested")]
    assert dict(zip(of_top["source"], of_top["told"], strict=True)) == {"all": "no", "north": "yes", "south": "no"}
    assert set(summary["measured_by"]) == {"regressor"}
    assert paths["picture"].stat().st_size > 10_000 and paths["area"].is_file()
    assert plan_of(control, covariates=[], samples=4, seed=3) is None


def test_views_are_of_one_latent_and_survive_their_file(model, tmp_path):
    sampler = Sampler.load(model)
    views = draw_views(sampler, grid=("top_ml", "left_ml"), seed=3)
    assert views.grid.shape == (2, 5, 5, SIZE, SIZE)
    assert views.heads.shape == (2, 3, 4, SIZE, SIZE)
    assert (views.ends[1] > views.ends[0]).all()
    assert (np.diff(views.grid_across) > 0).all()
    views.save(tmp_path / "views.npz")
    again = load_views(tmp_path / "views.npz")
    np.testing.assert_array_equal(again.grid, views.grid)
    assert again.names.tolist() == ["age", "top_ml", "left_ml"]
    grid_figure(again, tmp_path / "grid.png", model="model")
    heads_figure(again, tmp_path / "heads.png", model="model")
    assert min((tmp_path / name).stat().st_size for name in ("grid.png", "heads.png")) > 10_000
    other = draw_views(sampler, grid=("top_ml", "weight"), seed=3)
    assert len(other.grid) == 0
    grid_figure(other, tmp_path / "none.png", model="model")
    assert (tmp_path / "none.png").is_file()


def test_pairs_of_a_condition_are_drawn_for_every_source(folder, tmp_path):
    condition = read_condition(folder / "volumes.tsv")
    write_pairs(condition, joint=tmp_path / "joint.png", sources=tmp_path / "sources", seed=3)
    assert sorted(path.name for path in (tmp_path / "sources").iterdir()) == ["north.png", "south.png"]
    assert (tmp_path / "joint.png").stat().st_size > 10_000


def test_a_model_that_is_told_no_covariates_is_named(model):
    sampler = Sampler.load(model)
    sampler.facts = {key: value for key, value in sampler.facts.items() if key != "covariates"}
    with pytest.raises(MrisynthError, match="is told no covariates"):
        told_rows(sampler)
