"""What a whole small study tells of itself: a record of every job, one unbroken chain, a crate, licences and works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from mrisynth.files import read_json, read_table, sha256_of
from mrisynth.provenance.history import History, history_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.fault(30)]
ENDS = ("metrics.tsv", "comparison.tsv", "report/index.html", "report/comparison.html", "quality/index.html")


@pytest.fixture(scope="module")
def history(tiny_study, clean_clone) -> History:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(clean_clone)
        folder = tiny_study.relative_to(clean_clone)
        return history_of([folder / end for end in ENDS], study=folder)


def test_every_result_goes_back_to_the_simulated_heads_without_a_gap(history):
    assert history.unrecorded == []
    given = {"config/exclusions.tsv", "resources/citations.tsv", "resources/references.bib"}
    assert {source["path"] for source in history.sources} <= given
    assert {"simulate_heads", "extract_brains", "register_scans", "train_chunk", "score_model"} <= history.rules


def test_what_a_job_read_is_what_another_left(history):
    left = {output["path"]: output["sha256"] for step in history.steps for output in step.record["outputs"]}
    broken = [
        f"{step.name} read another {found['path']}"
        for step in history.steps
        for found in step.record["inputs"]
        if found["path"] in left and left[found["path"]] != found["sha256"]
    ]
    assert broken == []


def test_records_hold_the_checksums_of_what_stands_there(history, tiny_study):
    for step in history.steps:
        for output in step.record["outputs"]:
            path = tiny_study / output["path"].removeprefix("<results>/")
            if path.is_file():
                assert sha256_of(path) == output["sha256"], path


def test_the_files_of_single_scans_are_in_the_records_of_their_bundles(history, tiny_study):
    told = {output["path"] for step in history.steps for output in step.record["outputs"]}
    made = [path for folder in ("brain_extraction", "preprocessed") for path in (tiny_study / folder).glob("sub-*/*")]
    assert made
    assert [path for path in made if f"<results>/{path.relative_to(tiny_study).as_posix()}" not in told] == []


def test_packages_are_those_that_the_jobs_imported(history):
    def packages_of(rule: str) -> set[str]:
        return set().union(*(step.record["packages"] for step in history.steps if step.record["rule"] == rule))

    assert "torch" in packages_of("train_chunk")
    assert "umap-learn" not in packages_of("train_chunk")
    assert "umap-learn" in packages_of("cluster_embeddings")
    assert "antspyx" in packages_of("register_scans")  # imported in the process of the scans, not in the job's own
    assert "torch" not in packages_of("collect_metrics")


def test_nothing_that_is_told_names_a_folder_of_this_machine(tiny_study, clean_clone):
    for file in [*(tiny_study / "provenance").rglob("*"), tiny_study / "ro-crate-metadata.json"]:
        if file.is_file():
            text = file.read_text()
            assert str(clean_clone) not in text, file
            assert str(Path.home()) not in text, file


def test_the_crate_lists_the_results_and_the_jobs(tiny_study, history):
    crate = ROCrate(tiny_study)
    listed = {entity.id: entity for entity in crate.data_entities}
    for name in ("metrics.tsv", "report/index.html", "models/wgp_hagan/generator.safetensors", "pyramid/32.npy"):
        assert listed[name]["sha256"] == sha256_of(tiny_study / name)
    actions = {entity.id for entity in crate.contextual_entities if entity.type == "CreateAction"}
    assert {f"#job/{step.name}" for step in history.steps} <= actions
    assert "sub-0001" in json.dumps(read_json(tiny_study / "ro-crate-metadata.json"))  # simulated: nobody was scanned


def test_licences_and_works_stand_in_the_report_and_as_bibtex(tiny_study):
    rows = read_table(tiny_study / "provenance" / "citations.tsv", version="string").set_index("what")
    assert rows.loc["deepbet", "version"]
    assert rows.loc["UMAP through umap-learn", "version"]
    assert "IXI data set" not in rows.index
    page = (tiny_study / "report" / "index.html").read_text()
    assert "Licences and citations" in page
    assert "Louis Collins" in page
    assert "doi:10.1109/JBHI.2022.3172976" in page
    assert "@article{sun2022," in (tiny_study / "provenance" / "citations.bib").read_text()
