"""The same study with the same seed in another folder, one thread a job: every output has the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.hashes import EXEMPT, hashes, is_exempt

pytestmark = [pytest.mark.end_to_end, pytest.mark.fault(28)]
TINY = ("--configfile", "tests/config/tiny.yaml", "--cores", "1")
SOURCES = ("Snakefile", "config", "profiles", "workflow", "tests/config", "resources")


@pytest.fixture(scope="module")
def elsewhere(clean_clone: Path, tmp_path_factory) -> Path:
    """The workflow in a folder with a longer name at another depth; nothing is computed there."""
    copy = tmp_path_factory.mktemp("elsewhere") / "a" / "much-longer.way" / "to_the_same"
    for name in SOURCES:
        source, target = clean_clone / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            shutil.copyfile(source, target)
        else:
            downloads = [path.name for path in source.iterdir() if path.is_dir()] if name == "resources" else []
            shutil.copytree(source, target, ignore=lambda *_, left_out=downloads: left_out)
    return copy


def run(folder: Path, *targets: str) -> Path:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "77", "TZ": "Pacific/Auckland"}
    command = [sys.executable, "-m", "snakemake", *TINY, "--quiet", "rules", "host", "reason", "--", *targets]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return folder / "studies" / "tiny"


@pytest.mark.slow_fault
def test_preprocessing_ends_in_the_same_bytes_in_another_folder(tiny_study, elsewhere):
    named = ("pyramid/index.tsv", "quality/index.html", "conditions/demographics.tsv", "regions/real.32.tsv")
    found = hashes(run(elsewhere, *(f"studies/tiny/{name}" for name in named)))
    expected = hashes(tiny_study)
    assert len(found) > 80
    assert {name for name, value in found.items() if expected.get(name) != value} == set()


@pytest.mark.slow_fault
def test_every_output_of_every_step_has_the_same_bytes_in_another_folder(tiny_study, elsewhere):
    expected, found = hashes(tiny_study), hashes(run(elsewhere, "all"))
    assert found.keys() == expected.keys()
    assert {name for name, value in found.items() if expected[name] != value} == set()
    for stage in ("cohort", "preprocessed", "pyramid", "training", "models", "samples", "fid", "clusters", "report"):
        assert [name for name in found if name.startswith(f"{stage}/")], stage


def test_only_times_and_chance_are_left_out_of_the_comparison(tiny_study):
    names = [path.relative_to(tiny_study).as_posix() for path in tiny_study.rglob("*") if path.is_file()]
    left_out = {name for name in names if is_exempt(name)}
    rooms = {"logs", "benchmarks", "training", "embeddings", "provenance", "ro-crate-metadata.json"}
    assert {name.split("/")[0] for name in left_out} == rooms
    assert all("/cache/" in name for name in left_out if name.startswith("embeddings/"))
    in_training = {Path(name).name for name in left_out if name.startswith("training/")}
    assert {name for name in in_training if not name.startswith("events.")} == {"plan.json", "speed.tsv"}
    assert len(EXEMPT) == 8
