"""Each command of the README does what it says: run dry where it would take a cluster or a download."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
BLOCK_COMMANDS = [line.split("  #")[0].strip() for kind, text in BLOCKS if not kind for line in text.splitlines()]
TABLE_COMMANDS = re.findall(r"^\| `(snakemake [^`]+)`", README, re.MULTILINE)
SNAKEMAKE = sorted({line for line in BLOCK_COMMANDS + TABLE_COMMANDS if line.startswith("snakemake")})
LITERAL = {
    "snakemake --profile slurm all",
    "snakemake results/fid/wgp_hagan.tsv",
    "snakemake --profile slurm preprocessed",
}


def test_the_three_literal_commands_stand_in_the_readme():
    assert set(SNAKEMAKE) >= LITERAL


@pytest.fixture(scope="module")
def user_clone(clean_clone, tmp_path_factory) -> Path:
    """A clone as a reader has it who followed the README: a study of their own, and their copy of IXI."""
    clone = tmp_path_factory.mktemp("user") / "clone"
    shutil.copytree(clean_clone, clone, symlinks=True)
    bids = clone / "my_bids"
    for name in ("sub-01", "sub-02"):
        (bids / name / "anat").mkdir(parents=True)
        (bids / name / "anat" / f"{name}_T1w.nii.gz").touch()
    example = re.search(r"```yaml\n(title: My cohort.*?)```", (clone / "config" / "README.md").read_text(), re.DOTALL)
    (clone / "config" / "my_study.yaml").write_text(example[1].replace("/data/my_bids", str(bids)))
    ixi = clone / "IXI"
    (ixi / "T1").mkdir(parents=True)
    (ixi / "T1" / "IXI012-HH-1211-T1.nii.gz").touch()
    (ixi / "IXI.xls").touch()
    return clone


@pytest.mark.parametrize("command", SNAKEMAKE)
def test_snakemake_commands_plan_work(snakemake, user_clone, command):
    words = shlex.split(command.replace("/data/IXI", str(user_clone / "IXI")))[1:]
    planned = snakemake("-n", *words, folder=user_clone)
    assert planned.returncode == 0, planned.text[-3000:]
    assert planned.jobs["total"] > (1 if words == ["estimate"] else 10)  # an estimate asks for nothing else


@pytest.mark.parametrize("command", [line for line in BLOCK_COMMANDS if line.startswith("make ")])
def test_make_commands_are_targets(repository, command):
    words = shlex.split(command.split("&&")[0])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    finished = subprocess.run([*words, "-n"], cwd=repository, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr


def test_every_file_that_the_papers_link_to_is_there(repository):
    papers = [*repository.glob("*.md"), *repository.glob("docs/*.md"), *repository.glob("*/README.md")]
    missing = [
        f"{paper.name}: {target}"
        for paper in papers
        for target in re.findall(r"\]\(([^)#\s]+)\)", paper.read_text())
        if "://" not in target and not (paper.parent / target).exists()
    ]
    assert missing == []
