"""A trained study that goes on: more images for a model, another model that starts from it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.end_to_end
TINY = ("--configfile", "tests/config/tiny.yaml")
LONGER = "wgp_hagan: {images_total: 48}"
FINE = (
    "fine: {family: wgp_hagan, start_from: wgp_hagan, size: 32, images_total: 16, images_per_chunk: 16, batch_size: 4, "
    "precision: fp32, allow_cpu: true, recipe: {width: 8, latent: 8, trained_part: high}}"
)


@pytest.fixture(scope="module")
def clone(tiny_study, clean_clone, tmp_path_factory) -> Path:
    """A copy of the repository with the trained study, which may be changed."""
    copy = tmp_path_factory.mktemp("longer") / "mrisynth"
    shutil.copytree(clean_clone, copy, symlinks=True)
    return copy


@pytest.fixture(scope="module")
def run(clone, run_snakemake):
    """Runs the study with other models; returns the jobs by rule and all that was printed."""

    def run_with(models: str, *words: str) -> tuple[dict[str, int], str]:
        done = run_snakemake(*TINY, "--config", f"models={{{models}}}", "--", *words, folder=clone)
        text = done.stdout + done.stderr
        assert done.returncode == 0, text[-6000:]
        table = text.split("Job stats:", 1)[-1].split("\n\n", 1)[0]
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}, text

    return run_with


def _states(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.pt"))


@pytest.fixture(scope="module")
def longer(run, clone) -> dict[str, int]:
    """The jobs of a training that goes on for one more chunk."""
    assert _states(clone / "studies/tiny/training/wgp_hagan") == ["kept-1.pt", "spare-0.pt"]
    return run(LONGER, "studies/tiny/models/wgp_hagan/generator.safetensors")[0]


def test_more_images_train_the_new_chunk_alone(longer, clone):
    assert longer == {"train_chunk": 1, "validate_chunk": 1, "keep_state": 1, "export_model": 1, "total": 4}
    folder = clone / "studies" / "tiny" / "training" / "wgp_hagan"
    assert _states(folder) == ["kept-1.pt", "kept-2.pt", "spare-1.pt"]
    steps = [torch.load(folder / name, weights_only=True)["step"] for name in ("kept-1.pt", "kept-2.pt")]
    assert steps == [8, 12]


def test_the_model_tells_how_many_images_it_has_seen(longer, clone):
    facts = json.loads((clone / "studies/tiny/models/wgp_hagan/recipe.json").read_text())
    assert (facts["images_seen"], facts["model"]["images_total"]) == (48, 48)
    assert facts["chosen"]["chunk"] == 2


def test_once_longer_there_is_nothing_more_to_do(longer, run):
    _, text = run(LONGER, "studies/tiny/models/wgp_hagan/generator.safetensors")
    assert "Nothing to be done" in text


@pytest.mark.parametrize("key", ["devices: 2", "allow_cpu: false", "watch_every_images: 4"])
def test_where_a_model_trains_and_what_is_watched_is_no_reason_to_train_again(key, clone, run_snakemake):
    """Asked of a model that was not made longer."""
    change = f"models={{hagan_demographics: {{{key}}}}}"
    target = "studies/tiny/models/hagan_demographics/generator.safetensors"
    planned = run_snakemake("-n", *TINY, "--config", change, "--", target, folder=clone)
    assert planned.returncode == 0
    assert "Nothing to be done" in planned.stdout + planned.stderr


def test_a_model_starts_from_the_kept_state_of_another(longer, run, clone):
    jobs, _ = run(f"{LONGER}, {FINE}", "studies/tiny/models/fine/generator.safetensors")
    new = {"train_chunk": 1, "validate_chunk": 1, "keep_state": 1, "export_model": 1, "total": 4}
    assert jobs == new
    folder = clone / "studies" / "tiny" / "training"
    other = torch.load(folder / "wgp_hagan/kept-2.pt", weights_only=True)["averages"]["generator"]
    fine = torch.load(folder / "fine/kept-0.pt", weights_only=True)["networks"]["generator"]
    changed = {name for name in fine if not torch.equal(fine[name], other[name])}
    assert changed and all(name.startswith("high.") for name in changed)
    assert (
        json.loads((clone / "studies/tiny/models/fine/recipe.json").read_text())["model"]["start_from"] == "wgp_hagan"
    )
