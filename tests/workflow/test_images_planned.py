"""Studies whose input is images, planned: no job of volumes, and what makes no sense stops before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.class_images import write_class_folder
from support.labelled_digits import write_labelled_digits

OF_VOLUMES = {
    "build_cohort", "extract_brains", "register_scans", "prepare_template", "summarise_quality", "accept_scans",
    "write_quality_page", "build_pyramid", "cut_slices", "embed_real", "draw_controls", "score_structure",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_class_folder(tmp_path_factory.mktemp("made") / "classes", people=2, slices=1)


@pytest.fixture
def planned(snakemake, folder):
    def plan(*changes: str, targets: tuple[str, ...] = ()):
        asked = [f"cohort={{folder: {folder}}}", "folder=studies/never-run", *changes]
        return snakemake("-n", "--configfile", "tests/config/images.yaml", "--config", *asked, "--", *targets)

    return plan


def test_a_study_of_images_packs_them_and_plans_no_job_of_volumes(planned, folder):
    study = planned()
    assert study.returncode == 0, study.text
    jobs = study.jobs
    once = ("pack_images", "accept_images", "make_condition", "embed_real_slices", "export_exchange", "write_report")
    assert {name: jobs[name] for name in once} == dict.fromkeys(once, 1)
    assert jobs["train_chunk"] == 2 and jobs["score_classes"] == 2 and jobs["score_classification"] == 1
    assert not OF_VOLUMES & set(jobs)
    assert not {name for name in jobs if name.startswith(("download", "score_memor", "measure_"))}
    assert str(sorted(folder.glob("*/*.png"))[0]) in study.text, "every image is an input"
    assert "pyramid" not in study.text


def test_colour_is_for_images_alone(planned, folder):
    study = planned(f"cohort={{folder: {folder}, colour: true}}")
    assert study.returncode == 0, study.text
    assert study.jobs["pack_images"] == 1
    study = planned("cohort={name: simulated, colour: true}")
    assert study.returncode == 1
    assert "cohort.colour is true, but cohort.name is simulated: scans have no colours" in study.text


def test_the_exchange_format_can_be_the_input(planned, tmp_path):
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "labels.csv").write_text("ID,Label,Subject_ID\n0,0,a\n")
        (tmp_path / part / "Real16x16.nii.gz").write_bytes(b"")
    study = planned(f"cohort={{name: exchange, folder: {tmp_path}}}")
    assert study.returncode == 0, study.text
    assert study.jobs["pack_images"] == 1 and str(tmp_path / "test" / "Real16x16.nii.gz") in study.text


def test_images_with_labels_can_be_two_sources_with_different_covariates(snakemake, tmp_path):
    made = write_labelled_digits(tmp_path / "made", count=8)

    def planned(**changes: str):
        cohort = ", ".join(f"{key}: {value}" for key, value in {"folder": str(made), **changes}.items())
        asked = ["folder=studies/never-run", f"cohort={{{cohort}}}"]
        return snakemake("-n", "--configfile", "tests/config/labelled.yaml", "--config", *asked)

    study = planned()
    assert study.returncode == 0, study.text
    assert {name: study.jobs[name] for name in ("pack_images", "train_regressor", "score_control")} == {
        "pack_images": 1, "train_regressor": 1, "score_control": 2,
    }  # fmt: skip
    assert not OF_VOLUMES & set(study.jobs) and "map_control_regions" not in study.jobs
    assert str(made / "dataset.json") in study.text, "new labels are a new cohort"
    study = planned(participant_column="patient")
    assert study.returncode == 1 and "cohort.participant_column is patient, but the labels of" in study.text


@pytest.mark.fault(7)
def test_what_only_volumes_have_stops_before_any_work(planned):
    study = planned("slices={positions: [{plane: axial, mm: 0}]}")
    assert study.returncode == 1
    assert "slices.positions is given, but cohort.name is images: images are slices already" in study.text
    assert "Traceback" not in study.text


@pytest.mark.fault(7)
@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("preprocessed", "preprocessed: the cohort is of images, which are packed as they are; ask for"),
        ("studies/never-run/pyramid/index.tsv", "MissingRuleException"),
        ("export", "nobody has said that data of these participants"),
    ],
)
def test_targets_that_images_do_not_have_are_refused(planned, target, sentence):
    study = planned(targets=(target,))
    assert study.returncode == 1
    assert sentence in study.text


@pytest.mark.fault(7)
def test_a_folder_without_images_is_named_before_any_work(planned, tmp_path):
    study = planned(f"cohort={{folder: {tmp_path}}}")
    assert study.returncode == 1
    assert f"{tmp_path} holds no image CLASS/*.jpeg, .jpg or .png" in study.text
