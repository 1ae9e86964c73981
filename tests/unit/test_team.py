"""Processes that train one model together, against one process with the same batches."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from mrisynth.conditions import build_condition, write_condition
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, write_table
from mrisynth.recipes import ModelRecipe
from mrisynth.store import build_pyramid
from mrisynth.training.team import Team
from mrisynth.training_job import TrainingJob

SCANS = [f"sub-{number}" for number in range(4)]
SMALL = {"width": 8, "latent": 8, "groups": 1}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Four packed scans in the training split, one without a label."""
    folder = tmp_path_factory.mktemp("study")
    random = np.random.default_rng(0)
    volumes = {}
    for scan in SCANS:
        volumes[scan] = folder / f"{scan}.nii.gz"
        nib.save(nib.Nifti1Image(random.random((32, 32, 32)).astype(np.float32), np.eye(4)), volumes[scan])
    build_pyramid(volumes, folder / "pyramid", sizes=[32])
    scans = pd.DataFrame({"scan": SCANS, "split": "train", "sex": ["m", "f", None, "f"]})
    write_table(scans, folder / "scans.tsv")
    write_condition(build_condition("sex", scans, kind="categorical", columns=["sex"]), folder / "sex.tsv")
    return folder


def _job(study: Path, out: Path, recipe: ModelRecipe) -> TrainingJob:
    out.mkdir(exist_ok=True)
    paths = {name: str(out / name) for name in ("candidate", "watch")}
    return TrainingJob(
        recipe=asdict(recipe), pyramid=str(study / "pyramid"), scans=str(study / "scans.tsv"),
        condition=str(study / "sex.tsv"), previous=None, start=None, state=str(out / "state.pt"),
        curve=str(out / "curve.tsv"), chunk=0, seed=1, field_mm=224.0, threads=1, **paths,
    )  # fmt: skip


@pytest.fixture
def recipe(small_recipe) -> ModelRecipe:
    return small_recipe(
        "hagan", settings=SMALL | {"encoders": "attached"}, batch_size=4, images_total=8, images_per_chunk=8,
        condition="sex", augmentation="adaptive", allow_cpu=True,
    )  # fmt: skip


@pytest.mark.parametrize("family", ["hagan", "wgp_hagan"])
def test_two_processes_end_with_the_weights_of_one(family, study, recipe, tmp_path):
    """Two updates in fp32, with a missing label, augmentation and encoders; curves and counts are the same, too.

    Adam divides each gradient by its size, so that rounding grows where a gradient nearly cancels: of steps of 1e-4 to
    4e-4 a weight, single weights differ by 2e-5 and the mean weight by 2e-8.
    """
    recipe = replace(recipe, family=family)
    for devices in (1, 2):
        _job(study, tmp_path / str(devices), replace(recipe, devices=devices)).run()
    one, two = (torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("1", "2"))
    assert (one["step"], one["fingerprint"], one["skipped"]) == (two["step"], two["fingerprint"], 0)
    assert one["augmentation"] == pytest.approx(two["augmentation"], abs=1e-6)
    for kind in ("networks", "averages"):
        for name, weights in one[kind].items():
            found = [(weight - two[kind][name][key]).abs().flatten() for key, weight in weights.items()]
            apart = torch.cat(found)
            assert apart.max() < 1e-4, f"{kind}.{name}: {apart.max()}"
            assert apart.mean() < 1e-7, f"{kind}.{name}: {apart.mean()}"
    curves = [read_table(tmp_path / name / "curve.tsv") for name in ("1", "2")]
    assert list(curves[0].columns) == list(curves[1].columns)
    for name in curves[0].select_dtypes("number"):
        np.testing.assert_allclose(curves[1][name], curves[0][name], atol=1e-3, rtol=1e-3, err_msg=name)
    assert (tmp_path / "2" / "candidate" / "generator.safetensors").is_file()


def test_a_process_that_fails_fails_the_job_and_leaves_no_state(study, recipe, tmp_path):
    """The second of two processes has no image of a batch of one."""
    with pytest.raises(MrisynthError, match=r"Model model, chunk 0: one of 2 processes failed with exit status 1"):
        _job(study, tmp_path, replace(recipe, devices=2, batch_size=1)).run()
    assert not list(tmp_path.glob("**/*.pt"))
    assert not list(tmp_path.glob("**/*.safetensors"))
    assert not (tmp_path / "curve.tsv").exists()


class Member(Team):
    """One of several processes, for what needs no message."""

    def __init__(self, rank: int, ranks: int) -> None:
        self.rank, self.ranks = rank, ranks


@pytest.mark.parametrize(("images", "ranks"), [(8, 2), (7, 2), (7, 3), (2, 4), (1, 1)])
def test_the_shares_of_all_processes_are_the_batch(images, ranks):
    shown = [number for rank in range(ranks) for number in range(images)[Member(rank, ranks).share(images)]]
    assert shown == list(range(images))
