from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of
from mrisynth.imaging.isolation import isolated
from mrisynth.joblog import running
from mrisynth.provenance import code, packages
from mrisynth.provenance.code import code_version, environment_file, machine
from mrisynth.provenance.packages import imported_packages
from mrisynth.provenance.record import record_path

RECORD = Path("studies/mine/provenance/score_model/fid/wgp.json")


@pytest.fixture
def job(tmp_path, monkeypatch) -> SimpleNamespace:
    """A job of a study in a working directory of its own, as Snakemake describes it to a script."""
    monkeypatch.chdir(tmp_path)
    scan = tmp_path.parent / "jane" / "IXI002-T1.nii.gz"
    for file, text in ((scan, "scan"), (Path("studies/mine/scans.tsv"), "scans"), (Path("resources/IXI.xls"), "xls")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return SimpleNamespace(
        rule="score_model",
        input=["studies/mine/scans.tsv", "resources/IXI.xls", str(scan)],
        output=["studies/mine/fid/wgp.tsv", "studies/mine/fid/figures"],
        params={"seed": 3, "scan": str(scan), "evaluation": {"neighbours": 5}},
        wildcards={"model": "wgp"},
        resources={"mem": "2GB", "mem_mb": 2000, "tmpdir": "/scratch/jane", "_cores": 1, "devices": 2},
        threads=4,
        log=["studies/mine/logs/score_model/fid/wgp.log"],
    )


def run(job, text="scores"):
    with running(job) as record:
        Path("studies/mine/fid/figures").mkdir(parents=True, exist_ok=True)
        Path("studies/mine/fid/figures/a.png").write_text("a")
        Path("studies/mine/fid/wgp.tsv").write_text(text)
        Path("studies/mine/scan").mkdir(exist_ok=True)
        Path("studies/mine/scan/mask.nii.gz").write_text("mask")
        Path("studies/mine/fid/beside.json").write_text("beside")
        record.also(["studies/mine/scan", "studies/mine/fid/beside.json", "studies/mine/fid/never_made"])
    return json.loads(RECORD.read_text())


def test_a_record_tells_what_outputs_were_made_of(job):
    record = run(job)
    assert record["rule"] == "score_model"
    assert record["wildcards"] == {"model": "wgp"}
    assert record["seed"] == 3
    assert record["parameters"] == {"seed": 3, "scan": "…/IXI002-T1.nii.gz", "evaluation": {"neighbours": 5}}
    assert record["run"] == {"threads": 4, "devices": 2}
    assert {entry["path"]: entry["sha256"] for entry in record["inputs"]} == {
        "<results>/scans.tsv": sha256_of(job.input[0]),
        "resources/IXI.xls": sha256_of(job.input[1]),
        "…/IXI002-T1.nii.gz": sha256_of(job.input[2]),
    }
    outputs = {entry["path"]: entry for entry in record["outputs"]}
    assert set(outputs) == {
        "<results>/fid/wgp.tsv",
        "<results>/fid/figures",
        "<results>/fid/beside.json",
        "<results>/scan/mask.nii.gz",
    }
    assert outputs["<results>/fid/wgp.tsv"]["sha256"] == sha256_of(job.output[0])
    assert outputs["<results>/fid/figures"]["files"] == 1


def test_a_record_names_no_folder_of_a_person_and_no_variable(job, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cr3t-value")
    job.params |= {"command": "get --with s3cr3t-value", "folder": str(tmp_path / "data")}
    text = json.dumps(run(job), ensure_ascii=False)
    for word in ("jane", "s3cr3t-value", "MY_TOKEN", str(tmp_path), "/scratch"):
        assert word not in text


def test_the_same_job_leaves_the_same_record(job):
    first = run(job)
    assert run(job) == first
    assert run(job, "other scores")["outputs"] != first["outputs"]


def test_inputs_are_those_that_the_job_began_with(job):
    began_with = sha256_of(job.input[0])
    with running(job):
        Path(job.input[0]).write_text("changed meanwhile")
    inputs = json.loads(RECORD.read_text())["inputs"]
    assert {"path": "<results>/scans.tsv", "sha256": began_with, "bytes": 5} in inputs


@pytest.mark.parametrize("error", [MrisynthError("no"), ValueError("no"), KeyboardInterrupt()])
def test_a_job_that_fails_leaves_no_record_not_even_an_old_one(job, error):
    run(job)
    with pytest.raises((SystemExit, ValueError, KeyboardInterrupt)), running(job):
        raise error
    assert not RECORD.exists()


def test_a_job_without_outputs_has_no_record(job):
    job.output = []
    with running(job):
        pass
    assert not RECORD.exists()


@pytest.mark.parametrize(
    ("log", "record"),
    [
        ("results/logs/embed/a/32/real.log", "results/provenance/embed/a/32/real.json"),
        ("resources/logs/download_ixi.log", "resources/provenance/download_ixi.json"),
        ("studies/logs/logs/build_cohort.log", "studies/logs/provenance/build_cohort.json"),
        ("odd/place.log", "odd/place.json"),
    ],
)
def test_records_stand_as_their_logs_do(log, record):
    assert record_path(log) == Path(record)


def test_every_script_runs_as_a_recorded_job(repository):
    for script in (repository / "workflow" / "scripts").glob("*.py"):
        assert "\nwith running(snakemake)" in script.read_text(), f"{script.name} leaves no record"


def test_packages_are_those_imported_under_the_names_of_their_owners(tmp_path):
    code = (
        "import sys; sys.path.insert(0, 'workflow'); import yaml, numpy; from pathlib import Path;"
        "from mrisynth.provenance.packages import imported_packages; import json;"
        f"print(json.dumps([imported_packages(memory=Path({str(tmp_path)!r})) for _ in range(2)]))"
    )
    root = Path(packages.__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    first, second = json.loads(done.stdout)
    assert first == second
    assert first["pyyaml"] == importlib.metadata.version("PyYAML")
    assert first["numpy"] == np.__version__
    assert first["python"] == ".".join(map(str, sys.version_info[:3]))
    assert not {"pandas", "torch", "pytest", "matplotlib"} & set(first)


def test_what_a_child_process_imported_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "_elsewhere", {})
    site = tmp_path / "site"
    (site / "odd_module").mkdir(parents=True)
    (site / "odd_module" / "__init__.py").write_text("")
    (site / "odd_package-1.2.dist-info").mkdir()
    (site / "odd_package-1.2.dist-info" / "METADATA").write_text("Name: odd-package\nVersion: 1.2\n")
    (site / "odd_package-1.2.dist-info" / "top_level.txt").write_text("odd_module\n")
    monkeypatch.syspath_prepend(str(site))

    def work(item: int) -> int:
        import odd_module  # noqa: F401

        return item

    assert list(isolated(work, 2, crashed=lambda item, how: -1)) == [0, 1]
    assert "odd_module" not in sys.modules
    assert imported_packages(memory=tmp_path / "memory")["odd-package"] == "1.2"


def test_code_is_its_commit_and_whether_it_differs_from_it(tmp_path):
    workflow = tmp_path / "workflow"
    workflow.mkdir()
    (workflow / "a.py").write_text("a = 1\n")
    assert set(code_version(workflow)) == {"version", "sha256"}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    code_version.cache_clear()
    clean = code_version(workflow)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert (clean["commit"], clean["changed"]) == (commit, False)
    (workflow / "a.py").write_text("a = 2\n")
    code_version.cache_clear()
    dirty = code_version(workflow)
    assert (dirty["commit"], dirty["changed"]) == (commit, True)
    assert dirty["sha256"] != clean["sha256"]
    code_version.cache_clear()


def test_caches_of_python_are_no_code(tmp_path):
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow" / "a.py").write_text("a = 1\n")
    before = code_version(tmp_path / "workflow")["sha256"]
    (tmp_path / "workflow" / "__pycache__").mkdir()
    (tmp_path / "workflow" / "__pycache__" / "a.pyc").write_text("x")
    code_version.cache_clear()
    assert code_version(tmp_path / "workflow")["sha256"] == before
    code_version.cache_clear()


def test_the_environment_is_the_lock_or_the_file_that_snakemake_made_it_from(tmp_path, monkeypatch, repository):
    assert environment_file() == {"path": "requirements.txt", "sha256": sha256_of(repository / "requirements.txt")}
    declared = code.WORKFLOW / "envs" / "imaging.yaml"
    (tmp_path / "0123abcd_.yaml").write_bytes(declared.read_bytes())
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "0123abcd_"))
    assert environment_file() == {"path": "workflow/envs/imaging.yaml", "sha256": sha256_of(declared)}


def test_a_machine_is_a_kind_and_not_a_name():
    found = machine()
    assert {"system", "architecture", "processor"} <= set(found)
    assert platform.node() not in found.values()
