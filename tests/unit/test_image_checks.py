"""What a study of images cannot be asked for is refused when its configuration is read."""

from __future__ import annotations

import os
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.class_images import draw_class_image

from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.preflight import mend_clocks
from mrisynth.study import Study

SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml"
STUDY = """
cohort: {name: images}
conditions: {diagnosis: {kind: categorical, columns: [diagnosis]}}
models: {r3gan: {family: r3gan, size: 16, condition: diagnosis}}
features: {random: {network: random}}
evaluation: {features: [random]}
clustering: {features: random, feedback: []}
"""


def _read(folder: Path, **changes: dict[str, Any]) -> Study:
    config = yaml.safe_load(STUDY)
    config["cohort"]["folder"] = str(folder)
    for block, keys in deepcopy(changes).items():
        config[block] = config.get(block, {}) | keys
    return Study.read(config, schema=SCHEMA, source="mine.yaml")


@pytest.mark.parametrize("name", ["images", "exchange"])
def test_a_study_of_images_has_slices_but_neither_scans_nor_volumes(tmp_path, name) -> None:
    study = _read(tmp_path, cohort={"name": name}, slices={"sizes": [8]})
    assert study.of_images and study.slice_sizes == [8, 16]
    assert study.sizes == [] and study.scans == [] and study.bundles == {}
    assert not study.may_be_exported
    stated = {"redistribution": {"allowed": True, "basis": "own drawings"}}
    assert _read(tmp_path, cohort=stated).may_be_exported


def test_the_file_to_copy_in_the_documentation_is_a_study_of_images(tmp_path) -> None:
    page = (SCHEMA.parents[2] / "docs" / "slices.md").read_text(encoding="utf-8")
    config = yaml.safe_load(page.split("## A study of images", 1)[1].split("```yaml\n", 1)[1].split("```", 1)[0])
    assert config["cohort"]["name"] == "images"
    config["cohort"]["folder"] = str(tmp_path)
    study = Study.read(config, schema=SCHEMA, source="docs")
    assert study.slice_sizes == [64] and list(study.models) == ["pacgan"]


def test_what_images_have_of_preprocessing_may_be_given(tmp_path) -> None:
    study = _read(tmp_path, preprocessing={"max_excluded_fraction": 0.3, "field_mm": 200})
    assert study.config["preprocessing"]["max_excluded_fraction"] == 0.3


def test_scans_are_no_images() -> None:
    config = yaml.safe_load(STUDY) | {"cohort": {"name": "simulated", "first_scans": 2}, "preprocessing": {"size": 64}}
    study = Study.read(config, schema=SCHEMA, source="mine.yaml")
    assert not study.of_images and study.sizes == [64]


def test_an_image_dated_in_the_future_is_named_before_any_work(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = draw_class_image(tmp_path / "classes" / "AD" / "00001_70.png", label="AD", seed=0)
    study = _read(tmp_path / "classes")
    mend_clocks(study)
    os.utime(image, (time.time() + 3600, time.time() + 3600))
    with pytest.raises(MrisynthError, match=r"00001_70\.png: this image is dated"):
        mend_clocks(study)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"models": {"brain": {"family": "hagan", "size": 32}}},
            "models.brain is of volumes, but cohort.name is images: there are none to train it on; take one of pacgan",
        ),
        ({"preprocessing": {"size": 64}}, "preprocessing.size is given, but cohort.name is images: images are packed"),
        ({"preprocessing": {"limits": {"bias": [None, 1]}}}, "preprocessing.limits is given"),
        ({"pyramid": {"sizes": [32]}}, "pyramid.sizes is given, but cohort.name is images: images have no volumes"),
        ({"slices": {"positions": [{"plane": "axial", "mm": 0}]}}, "slices.positions is given, but cohort.name is im"),
        ({"slices": {"volume_size": 64}}, "slices.volume_size is given, but cohort.name is images: images are cut"),
        ({"slices": {"matching": {"case": "AD", "control": "NC"}}}, "cases are matched by age and images come without"),
        ({"evaluation": {"metrics": ["fid", "slice_areas"]}}, "evaluation.metrics names slice_areas, but cohort.name"),
        ({"evaluation": {"label_maps": "maps"}}, "evaluation.label_maps is given, but cohort.name is images"),
        ({"evaluation": {"slice_areas": {"regions": ["x"]}}}, "evaluation.slice_areas is given, but cohort.name is"),
        ({"cohort": {"first_scans": 3}}, "cohort.first_scans is given, but cohort.name is images: all images of the"),
        ({"cohort": {"scan_names": "a.tsv"}}, "cohort.scan_names is given, but cohort.name is images"),
        ({"cohort": {"demographics": "a.csv"}}, "cohort.demographics is given, but cohort.name is images: what is"),
        ({"cohort": {"participant_column": "id"}}, "cohort.participant_column is id, but cohort.name is images: only"),
        ({"cohort": {"folder": "nowhere"}}, "cohort.folder is nowhere, which is no folder; a cohort of kind images"),
        ({"cohort": {"folder": None}}, "cohort.folder is missing; a cohort of kind images needs the folder of its"),
        ({"cohort": {"class_column": "age"}}, "cohort.class_column is 'age'; expected one of diagnosis, sex, site"),
        ({"clustering": {"feedback": ["r3gan"]}}, "clustering.feedback names r3gan"),
    ],
)
def test_what_only_volumes_have_is_refused_with_what_to_do(tmp_path, changes, sentence) -> None:
    with pytest.raises(ConfigError) as refused:
        _read(tmp_path, **changes)
    assert sentence in str(refused.value) and str(refused.value).startswith("mine.yaml: ")
    assert "\n" not in str(refused.value)
