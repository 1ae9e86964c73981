"""One value is changed, and only what depends on it is planned anew; the time or the text of a script plans nothing.

The full study is finished in name alone: every file of its plan stands there, empty, and ``snakemake --touch`` has
written down with which parameters and inputs it was made. A plan asks for no more.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.workflow, pytest.mark.fault(29), pytest.mark.slow_fault]
FOLLOWS = ("input files updated by another job", "output files have to be generated")  # of others, of deleted states
COSTLY = ("extract_brains", "register_scans", "train_chunk", "draw_samples", "embed_samples")
EVERYTHING = {"extract_brains": 26, "register_scans": 26, "train_chunk": 50, "draw_samples": 20, "embed_samples": 10}
ALL_MODELS = {"train_chunk": 50, "draw_samples": 20, "embed_samples": 10}
CLUSTER_MODEL = {"train_chunk": 10, "draw_samples": 4, "embed_samples": 2}  # what waits for clusters of other samples
NEW_CHOICE = {"train_chunk": 10, "draw_samples": 20, "embed_samples": 10}  # every model may keep another chunk
PAGES = {"write_report", "write_comparison", "write_scorecards"}


class Plan:
    """What a dry run would do: its jobs by rule, and the rules that run first, for no other job's sake.

    Of what follows them Snakemake gives no other reason, even where there is one.
    """

    def __init__(self, text: str) -> None:
        table = text.split("Job stats:", 1)[-1].split("\n\n", 1)[0]
        self.jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
        reasons = re.findall(r"^    (\S.*):\n        (.*)$", text.rsplit("\nReasons:", 1)[-1], re.MULTILINE)
        self.first = {rule for why, rules in reasons if why not in FOLLOWS for rule in rules.split(", ")}
        self.text = text

    @property
    def costly(self) -> dict[str, int]:
        return {name: self.jobs[name] for name in COSTLY if name in self.jobs}


def snakemake(clone: Path, *words: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(clone / "workflow")}
    command = [sys.executable, "-m", "snakemake", *words]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def clone(clean_clone: Path, tmp_path_factory) -> Path:
    """A copy of the repository with the full study as if it were finished; it is 318 jobs or so."""
    copy = tmp_path_factory.mktemp("finished") / "mrisynth"
    downloads = {path.name for path in (clean_clone / "resources").iterdir() if path.is_dir()}
    computed = {".snakemake", "studies", "results"}

    def left_out(folder: str, names: list[str]) -> set[str]:
        return set(names) & {clean_clone: computed, clean_clone / "resources": downloads}.get(Path(folder), set())

    shutil.copytree(clean_clone, copy, symlinks=True, ignore=left_out)
    for line in snakemake(copy, "-n", "all").splitlines():
        for name in line.split("    output: ", 1)[1].split(", ") if line.startswith("    output: ") else ():
            path = copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if path.suffix else path.mkdir(exist_ok=True)
    snakemake(copy, "--touch", "--forceall", "--cores", "1", "all")
    return copy


@pytest.fixture(scope="module")
def plan(clone) -> Callable[..., Plan]:
    """Plans the study on the cluster profile with other values."""
    return lambda *words: Plan(snakemake(clone, "-n", "--profile", "slurm", "all", *words))


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new, 1))
    yield
    path.write_text(before)


def test_a_finished_study_has_nothing_to_do(plan):
    found = plan()
    assert "Nothing to be done" in found.text
    assert found.jobs == {}


@pytest.mark.parametrize(
    ("change", "first", "costly"),
    [
        ("title=other", PAGES | {"state_terms"}, {}),
        ("cohort={test_fraction: 0.3}", {"build_cohort"}, ALL_MODELS),
        ("preprocessing={limits: {brain_ml: [500, 2500]}}", {"summarise_quality"}, ALL_MODELS),
        ("conditions={random: {classes: 5}}", {"make_condition"}, CLUSTER_MODEL),
        ("models={hagan: {allow_cpu: true}}", {"plan_training"}, {}),
        ("sampling={nifti: 8}", {"write_nifti"}, {}),
        ("evaluation={neighbours: 4}", {"score_model", "score_controls"}, {}),
        ("evaluation={similarity_pairs: 77}", {"score_structure", "score_structure_controls"}, {}),
        ("evaluation={memorisation: {exchanges: 99}}", {"score_memorisation"}, {}),
        (
            "evaluation={validation_samples: 77}",
            {"validate_chunk"},
            NEW_CHOICE,
        ),
        ("clustering={neighbours: 15}", {"cluster_embeddings"}, CLUSTER_MODEL),
    ],
)
def test_one_value_runs_what_depends_on_it_and_nothing_else(plan, change, first, costly):
    found = plan("--config", change)
    assert found.first == first
    assert found.costly == costly


def test_one_setting_of_one_model_trains_that_model_alone(plan):
    found = plan("--config", "models={wgp_hagan_random: {recipe: {latent: 512}}}")
    assert found.costly == CLUSTER_MODEL
    trained = set(re.findall(r"output: results/training/(\w+)/state-", found.text))
    assert trained == {"wgp_hagan_random"}


def test_another_seed_is_another_study(plan):
    assert plan("--config", "seed=43").costly == EVERYTHING


def test_touching_every_file_of_the_workflow_runs_nothing(plan, clone):
    for path in [clone / "Snakefile", *(clone / "workflow").rglob("*.*")]:
        path.touch()
    assert "Nothing to be done" in plan().text


def test_an_edited_script_or_module_runs_nothing_by_itself(plan, clone):
    for name in ("scripts/train_chunk.py", "scripts/register_scans.py", "mrisynth/training/loop.py"):
        path = clone / "workflow" / name
        path.write_text(path.read_text() + "\n# a remark\n")
    assert "Nothing to be done" in plan().text


@pytest.mark.parametrize(
    ("stage", "first", "costly"),
    [
        ("preprocessing", {"extract_brains"}, EVERYTHING),
        ("training", {"train_chunk"}, ALL_MODELS),
        ("features", {"embed_real", "embed_control"}, NEW_CHOICE),
    ],
)
def test_a_raised_version_of_a_stage_runs_that_stage_and_what_depends_on_it(plan, clone, stage, first, costly):
    with edited(clone / "workflow" / "mrisynth" / "versions.py", f'"{stage}": 1', f'"{stage}": 2'):
        found = plan()
    assert found.first == first
    assert found.costly == costly
