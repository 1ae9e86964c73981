"""The estimate of a study: rows, sums, cards, disk and text, from numbers that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from mrisynth.configuration import load_schema
from mrisynth.files import read_table, write_table
from mrisynth.recipes import ModelRecipe
from mrisynth.training import estimate
from mrisynth.training.counting import Operation, UpdateCount, count_update
from mrisynth.training.estimate import CARDS, Card, StudySize, card_seconds, estimate_study, estimate_text

MODEL = ModelRecipe(
    name="plain", family="hagan", condition="none", size=32, images_total=1000, images_per_chunk=400, batch_size=4,
    family_recipe={"width": 8, "latent": 8},
)  # fmt: skip
TOLD = replace(MODEL, name="told", condition="demographics")
LONG = replace(MODEL, name="long", images_total=3000)
WIDE = replace(MODEL, name="wide", batch_size=8)
STUDY = StudySize(
    scans=100, pyramid_sizes=[32, 64], samples=50, nifti=2, feature_widths=[256], brain_extraction="deepbet",
    transform="affine", voxel_mm=2.0, preprocessed_size=128,
)  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return estimate_study([MODEL, TOLD, LONG, WIDE], STUDY, device="cpu", seconds_of=lambda *_: 2.0).set_index("part")


def test_every_part_has_a_row_and_all_is_their_sum(table):
    assert list(table.index) == ["plain", "told", "long", "wide", "preprocessing", "real scans", "all"]
    parts = table.iloc[:-1]
    for column in ("updates", "images", "tflop", "hours_here", "gpu_hours_h100", "disk_gb", "cpu_hours"):
        assert table.loc["all", column] == pytest.approx(parts[column].sum())
    assert table.loc["all", "memory_gb"] == parts["memory_gb"].max() == table.loc["wide", "memory_gb"]


def test_updates_and_hours_follow_the_images(table):
    assert list(table.loc[["plain", "long", "wide"], "updates"]) == [250, 750, 125]
    assert table.loc["plain", "hours_here"] == pytest.approx(250 * 2 / 3600)
    assert table.loc["long", "tflop"] == pytest.approx(3 * table.loc["plain", "tflop"])
    assert table.loc["wide", "tflop"] == pytest.approx(table.loc["plain", "tflop"], rel=0.02)
    assert table.loc["told", "note"] == "counted with 2 classes"


def test_models_equal_but_for_name_length_and_condition_are_timed_once():
    timed = []
    estimate_study([MODEL, TOLD, LONG, WIDE], STUDY, device="cpu", seconds_of=lambda *model: timed.append(model) or 2.0)
    assert [recipe.name for recipe, _ in timed] == ["plain", "wide"]


def test_models_on_two_devices_take_half_the_batch_each(table):
    shared = estimate_study([replace(WIDE, devices=2)], STUDY, device="cpu", seconds_of=lambda *_: 2.0).iloc[0]
    assert shared["memory_gb"] == pytest.approx(table.loc["plain", "memory_gb"])
    assert shared["tflop"] == pytest.approx(table.loc["wide", "tflop"], rel=0.02)
    assert shared["hours_here"] == table.loc["wide", "hours_here"]


def test_a_card_computes_or_waits_for_its_memory_whichever_is_longer():
    card = Card(tflops_in_16_bits=100, tflops_in_32_bits=10, terabytes_per_second=2)
    operations = (
        Operation(flops=10**12, bytes_moved=0, in_16_bits=True),  # 0.01 s
        Operation(flops=10**12, bytes_moved=10**9, in_16_bits=False),  # 0.1 s
        Operation(flops=0, bytes_moved=10**12, in_16_bits=True),  # 0.5 s
    )
    count = UpdateCount(operations=operations, state_bytes=0, exported_bytes=0, peak_bytes=0)
    assert card_seconds(count, card) == pytest.approx(0.61 / estimate.UTILISATION)
    assert card_seconds(count, CARDS["v100"]) > card_seconds(count, CARDS["a100"]) > card_seconds(count, CARDS["h200"])


def test_the_utilisation_is_what_the_published_training_time_comes_to(repository):
    schema = load_schema(repository / "workflow" / "schemas" / "config.schema.yaml")
    preset = schema["$defs"]["presets"]["hagan"]["as_published"]
    published = replace(MODEL, size=256, batch_size=4, precision="fp32", family_recipe=preset["recipe"])
    roofline = card_seconds(count_update(published, classes=0), CARDS["v100"]) * estimate.UTILISATION
    assert roofline == pytest.approx(0.32, abs=0.02)
    assert roofline / (22 * 3600 / 80_000 * 2) == pytest.approx(estimate.UTILISATION, abs=0.015)


def test_disk_by_hand():
    count = UpdateCount(operations=(), state_bytes=1000, exported_bytes=100, peak_bytes=0)
    voxels = 32**3
    expected = 3 * 1000 + (3 + 1) * 100  # three states; three chunks and the one kept
    expected += 50 * (voxels + 8**3) + 2 * 4 * voxels + 2 * 50 * voxels + 3 * 50 * 4 * 256
    assert estimate._model_bytes(MODEL, STUDY, count) == expected


def test_packed_scans_and_preprocessing(table):
    assert table.loc["real scans", "disk_gb"] == pytest.approx((100 * (32**3 + 64**3) + 2 * 100 * 4 * 256) / 1e9)
    assert table.loc["preprocessing", "cpu_hours"] == pytest.approx(100 * (4.3 + 1.4 + 3.1) / 3600)
    fine = estimate._preprocessing_row(replace(STUDY, voxel_mm=1.0, brain_extraction="hd_bet"))
    assert fine["cpu_hours"] == pytest.approx(100 * 4 * 5.7 / 3600)
    measured = {"deepbet": 7.1, "affine": 20.4}  # CPU-s a head at 1 mm, benchmarks/results/one_millimetre.json
    whole = estimate._preprocessing_row(replace(STUDY, voxel_mm=1.0))
    assert whole["cpu_hours"] == pytest.approx(100 * sum(measured.values()) / 3600, rel=0.15)
    deformed = estimate._preprocessing_row(replace(STUDY, voxel_mm=1.0, brain_extraction=None, transform="syn"))
    assert deformed["cpu_hours"] == pytest.approx(100 * 8 * 10.9 / 3600)
    assert "hd_bet: time unknown" in fine["note"]
    assert "deepbet" not in estimate._preprocessing_row(replace(STUDY, brain_extraction=None))["note"]


def test_the_text_says_what_its_numbers_are_also_after_a_file(table, tmp_path):
    write_table(table.reset_index(), tmp_path / "estimate.tsv")
    read = read_table(tmp_path / "estimate.tsv", note="string").fillna({"note": ""})
    text = estimate_text(read, device="cpu")
    assert text == estimate_text(table.reset_index(), device="cpu")
    assert "arithmetic, not measured" in text
    assert "hours on cpu" in text.splitlines()[0]
    assert len({len(line) for line in text.splitlines()[:8]}) == 1
