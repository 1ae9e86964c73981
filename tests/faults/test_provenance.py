"""Provenance: what a result was made of is written down, tells no secret, and holds when a result is made again."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from mrisynth.files import read_json, sha256_of
from mrisynth.provenance.code import WORKFLOW

pytestmark = pytest.mark.fault(30)
TEMPLATE = "studies/tiny/template/T1w_brain.nii.gz"
RECORD = "studies/tiny/provenance/prepare_template.json"
SECRET = "hf_dont_tell_anybody"  # noqa: S105


@pytest.fixture(scope="module")
def make(clean_clone):
    """Lets snakemake make the template of the smallest study, with secrets in its environment."""

    def run() -> None:
        bin_folder = str(Path(sys.executable).parent)
        secrets = {
            "HF_TOKEN": SECRET,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "PATH": bin_folder + os.pathsep + os.environ["PATH"],
        }
        done = subprocess.run(
            [f"{bin_folder}/snakemake", "--cores", "1", "--configfile", "tests/config/tiny.yaml", "--", TEMPLATE],
            cwd=clean_clone, env=os.environ | secrets, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]

    run()
    return run


@pytest.fixture(scope="module")
def record(make, clean_clone) -> dict:
    return read_json(clean_clone / RECORD)


def test_an_output_has_its_record(record, clean_clone):
    assert record["rule"] == "prepare_template"
    names = ("T1w.nii.gz", "T1w_brain.nii.gz", "brain_mask.nii.gz")
    assert {output["path"]: output["sha256"] for output in record["outputs"]} == {
        f"<results>/template/{name}": sha256_of(clean_clone / "studies" / "tiny" / "template" / name) for name in names
    }
    assert record["parameters"]["voxel_mm"] == 4.0
    assert len(record["code"]["sha256"]) == 64
    assert record["environment"]["path"] == "requirements.txt"
    assert {"python", "nibabel", "numpy", "nilearn"} <= set(record["packages"])
    assert "umap-learn" not in record["packages"]  # installed, but this job did not import it


def test_a_record_is_small_and_tells_no_secret_no_folder_and_no_host(record, clean_clone):
    text = json.dumps(record, ensure_ascii=False)
    assert len(text) < 10_000
    for word in (SECRET, "HF_TOKEN", str(clean_clone), str(Path.home()), platform.node()):
        assert len(word) < 4 or word not in text


def test_wall_time_and_memory_stand_beside_it_and_in_no_record(record, clean_clone):
    measured = clean_clone / "studies" / "tiny" / "benchmarks" / "prepare_template.tsv"
    assert "max_rss" in measured.read_text()
    assert not {"seconds", "started", "finished", "max_rss", "wall", "date"} & set(record)


def test_a_deleted_output_is_made_again_with_the_same_checksum(make, record, clean_clone):
    (clean_clone / TEMPLATE).unlink()
    make()
    assert read_json(clean_clone / RECORD)["outputs"] == record["outputs"]
    assert read_json(clean_clone / RECORD) == record


def test_a_killed_job_leaves_no_record(tmp_path):
    """Not even the one of the run before, which would speak of outputs that are no more."""
    script = textwrap.dedent(
        f"""
        import sys, time
        sys.path.insert(0, {str(WORKFLOW)!r})
        from pathlib import Path
        from types import SimpleNamespace
        from mrisynth.joblog import running

        job = SimpleNamespace(
            rule="r", input=[], output=["results/out.txt"], params={{}}, wildcards={{}}, resources={{}}, threads=1,
            log=["results/logs/r.log"],
        )
        with running(job):
            Path("results/out.txt").write_text("half")
            Path("started").touch()
            time.sleep(float(sys.argv[1]))
        """
    )
    command = [sys.executable, "-c", script]
    subprocess.run([*command, "0"], cwd=tmp_path, check=True, timeout=60)
    written = tmp_path / "results" / "provenance" / "r.json"
    assert written.exists()
    (tmp_path / "started").unlink()
    with subprocess.Popen([*command, "600"], cwd=tmp_path) as child:
        deadline = time.monotonic() + 60
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    assert (tmp_path / "results" / "out.txt").read_text() == "half"
    assert not written.exists()
