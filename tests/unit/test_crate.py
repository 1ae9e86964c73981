from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from rocrate.rocrate import ROCrate

from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of, write_json
from mrisynth.joblog import running
from mrisynth.provenance.citations import read_uses, works_of
from mrisynth.provenance.crate import StudyFacts, crate_of
from mrisynth.provenance.history import history_of
from mrisynth.provenance.publishable import is_publishable
from mrisynth.provenance.works import read_works

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("studies/mine")


def run(rule: str, inputs: list[str], outputs: list[str], *, log: str | None = None, **params) -> None:
    job = SimpleNamespace(
        rule=rule, input=inputs, output=outputs, params=params, wildcards={}, resources={}, threads=1,
        log=[log or f"{FOLDER}/logs/{rule}.log"],
    )  # fmt: skip
    with running(job):
        for output in map(Path, outputs):
            file = output if output.suffix else output / "one.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{rule} {output}")


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A chain of jobs: a download, scans of a person elsewhere, a temporary state, a model, scores."""
    monkeypatch.chdir(tmp_path)
    scan = tmp_path.parent / "jane" / "sub-01_T1w.nii.gz"
    scan.parent.mkdir(exist_ok=True)
    scan.write_text("scan")
    run(
        "download_template",
        [],
        ["resources/template"],
        log="resources/logs/download_template.log",
        dataset="icbm152_2009c",
    )
    run(
        "register_scans",
        [str(scan), "resources/template"],
        [f"{FOLDER}/preprocessed/bundle-b.tsv", f"{FOLDER}/preprocessed/sub 01"],
    )
    run("train_chunk", [f"{FOLDER}/preprocessed/sub 01/one.txt"], [f"{FOLDER}/training/state-0.pt"], recipe={"seed": 1})
    run("export_model", [f"{FOLDER}/training/state-0.pt"], [f"{FOLDER}/models/wgp/generator.safetensors"])
    Path(FOLDER, "training/state-0.pt").unlink()
    run("score_model", [f"{FOLDER}/models/wgp/generator.safetensors"], [f"{FOLDER}/metrics.tsv"])
    run("of_a_lost_model", [], [f"{FOLDER}/fid/lost.tsv"])
    write_json({"title": "mine"}, FOLDER / "provenance" / "config.json")
    return FOLDER


def crate(*, may_be_exported: bool = True, targets=("metrics.tsv",)) -> dict:
    uses = [use for use in read_uses(ROOT / "resources" / "citations.tsv") if use.key in ("icbm152", "numpy", "fid")]
    facts = StudyFacts(
        title="mine", folder=FOLDER, licence="CC BY-SA 3.0", words="May be passed on.", may_be_exported=may_be_exported,
        config=FOLDER / "provenance" / "config.json",
    )  # fmt: skip
    history = history_of([FOLDER / target for target in targets], study=FOLDER)
    return crate_of(
        history, facts=facts, uses=uses, works=works_of(uses, read_works(ROOT / "resources" / "references.bib"))
    )


def entities(document: dict) -> dict[str, dict]:
    return {entity["@id"]: entity for entity in document["@graph"]}


def many(value) -> list[dict]:
    return value if isinstance(value, list) else [value] if value else []


def test_the_history_holds_what_the_result_rests_on_and_nothing_else(study):
    history = history_of([study / "metrics.tsv"], study=study)
    assert history.rules == {"download_template", "register_scans", "train_chunk", "export_model", "score_model"}
    assert [source["path"] for source in history.sources] == ["…/sub-01_T1w.nii.gz"]
    assert history.unrecorded == []
    assert history.packages["python"]


def test_what_was_made_before_there_were_records_is_named(study):
    Path(study, "provenance", "export_model.json").unlink()
    history = history_of([study / "metrics.tsv"], study=study)
    assert history.unrecorded == ["<results>/models/wgp/generator.safetensors"]
    assert history.rules == {"score_model"}
    graph = entities(crate())
    assert graph["models/wgp/generator.safetensors"]["sha256"] == sha256_of(study / "models/wgp/generator.safetensors")


def test_a_torn_record_is_named(study):
    Path(study, "provenance", "export_model.json").write_text('{"format"')
    with pytest.raises(MrisynthError, match=r"export_model.json is no record"):
        history_of([study / "metrics.tsv"], study=study)


def test_the_crate_is_one_by_the_rules_of_ro_crate(study):
    """RO-Crate 1.1: descriptor, root data entity, flat graph, no reference into the void, data entities are there."""
    document = crate()
    write_json(document, study / "ro-crate-metadata.json")
    graph = entities(document)
    assert len(graph) == len(document["@graph"])
    assert document["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    descriptor, root = graph["ro-crate-metadata.json"], graph["./"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert {"name", "description", "datePublished", "license", "hasPart"} <= set(root)
    for entity in graph.values():
        for key, value in entity.items():
            for item in many(value) if key not in ("@id", "@type") else []:
                if isinstance(item, dict):
                    assert set(item) == {"@id"}, f"{entity['@id']}.{key} nests an entity"
                    assert item["@id"] in graph or item["@id"].startswith("https://w3id.org/ro/"), item
    listed = {part["@id"] for part in root["hasPart"]}
    data = {key for key, entity in graph.items() if entity["@type"] in ("File", "Dataset") and not key.startswith("#")}
    assert data - {"./"} == listed
    reread = ROCrate(study)  # raises where a file of the crate is not there
    assert {entity.id for entity in reread.data_entities} == listed
    for part in reread.data_entities:
        assert (study / part.id.replace("%20", " ")).exists(), part.id


def test_every_job_is_an_action_with_instrument_objects_and_results(study):
    """Process Run Crate 0.5."""
    graph = entities(crate())
    jobs = {key: entity for key, entity in graph.items() if entity["@type"] == "CreateAction"}
    rules = ("download_template", "register_scans", "train_chunk", "export_model", "score_model")
    assert set(jobs) == {f"#job/{rule}" for rule in rules}
    mentioned = {item["@id"] for item in graph["./"]["mentions"]}
    for key, job in jobs.items():
        assert key in mentioned
        assert graph[job["instrument"]["@id"]]["@type"] == "SoftwareApplication"
        assert many(job["result"])
        if key != "#job/download_template":  # its record stands outside the study
            assert graph[job["subjectOf"]["@id"]]["encodingFormat"] == "application/json"
    assert graph["#job/score_model"]["object"] == [{"@id": "models/wgp/generator.safetensors"}]
    assert graph["#job/download_template"]["object"] == [{"@id": "#used/icbm152"}]
    state = graph[many(graph["#job/train_chunk"]["result"])[0]["@id"]]
    assert (state["@type"], state["description"]) == ("CreativeWork", "no longer there")
    scan = next(entity for entity in graph.values() if entity.get("name") == "…/sub-01_T1w.nii.gz")
    assert {"@id": scan["@id"]} in graph["#job/register_scans"]["object"]
    assert scan["sha256"] == sha256_of(Path.cwd().parent / "jane" / "sub-01_T1w.nii.gz")


def test_results_have_their_checksums_and_a_changed_one_says_so(study):
    graph = entities(crate())
    assert graph["metrics.tsv"]["sha256"] == sha256_of(study / "metrics.tsv")
    assert "description" not in graph["metrics.tsv"]
    left = graph["metrics.tsv"]["sha256"]
    Path(study, "metrics.tsv").write_text("mended by hand")
    graph = entities(crate())
    assert graph["metrics.tsv"]["sha256"] == sha256_of(study / "metrics.tsv")
    assert left in graph["metrics.tsv"]["description"]


def test_licences_and_works_are_part_of_it(study):
    graph = entities(crate())
    template = graph["#used/icbm152"]
    assert template["@type"] == "Dataset"
    assert "Louis Collins" in template["license"]
    assert {item["@id"] for item in template["citation"]} <= {item["@id"] for item in graph["./"]["citation"]}
    assert graph["https://doi.org/10.1016/j.neuroimage.2010.07.033"]["@type"] == "ScholarlyArticle"
    assert graph[graph["./"]["license"]["@id"]]["name"] == "CC BY-SA 3.0"


def test_the_same_study_gives_the_same_crate(study):
    assert crate() == crate()
    os.utime(study / "metrics.tsv")
    assert json.dumps(crate()) == json.dumps(crate())


@pytest.mark.fault(27)
def test_of_a_restricted_study_only_results_of_groups_are_listed(study):
    document = crate(may_be_exported=False)
    graph = entities(document)
    assert {part["@id"] for part in graph["./"]["hasPart"]} == {"metrics.tsv", "provenance/config.json"}
    text = json.dumps(document)
    for word in ("sub-01", "sub 01", "generator.safetensors", "preprocessed", "register_scans", "sha256_of"):
        assert word not in text


@pytest.mark.parametrize(
    ("path", "publishable"),
    [
        ("metrics.tsv", True),
        ("report/scorecards/wgp.json", True),
        ("training/wgp/curve-0.tsv", True),
        ("report/index.html", False),
        ("cohort/scans.tsv", False),
        ("models/wgp/generator.safetensors", False),
        ("samples/wgp/shards/000.npy", False),
        ("embeddings/random/32/real.npz", False),
        ("preprocessed/sub-01/quality.png", False),
        ("memorisation/wgp.tsv", False),
    ],
)
def test_what_is_of_groups(path, publishable):
    assert is_publishable(path, allowed=False) == publishable
    assert is_publishable(path, allowed=True)
