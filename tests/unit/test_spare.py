"""A spoilt state is made again from the one before it, in the same bits."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from mrisynth.conditions import build_condition, write_condition
from mrisynth.errors import MrisynthError
from mrisynth.files import write_table
from mrisynth.recipes import ModelRecipe
from mrisynth.store import build_pyramid
from mrisynth.training.spare import is_spoilt
from mrisynth.training.state import TornStateError, read_state
from mrisynth.training_job import TrainingJob

pytestmark = pytest.mark.fault(5)
SCANS = [f"sub-{number}" for number in range(4)]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder, random, volumes = tmp_path_factory.mktemp("study"), np.random.default_rng(0), {}
    for scan in SCANS:
        volumes[scan] = folder / f"{scan}.nii.gz"
        nib.save(nib.Nifti1Image(random.random((32, 32, 32)).astype(np.float32), np.eye(4)), volumes[scan])
    build_pyramid(volumes, folder / "pyramid", sizes=[32])
    scans = pd.DataFrame({"scan": SCANS, "split": "train"})
    write_table(scans, folder / "scans.tsv")
    write_condition(build_condition("none", scans, kind="none"), folder / "none.tsv")
    return folder


@pytest.fixture
def chunk(study: Path, tmp_path: Path, small_recipe):
    """Trains a chunk of two updates as its job does, and deletes the state that it went on from as Snakemake does."""
    recipe: ModelRecipe = small_recipe(
        "wgp_hagan", condition="none", images_total=12, images_per_chunk=4, ema_half_life_images=4
    )

    def run(number: int) -> Path:
        previous = tmp_path / f"state-{number - 1}.pt" if number else None
        TrainingJob(
            recipe=asdict(recipe), pyramid=str(study / "pyramid"), scans=str(study / "scans.tsv"),
            condition=str(study / "none.tsv"), previous=previous and str(previous), start=None, seed=1, field_mm=224.0,
            threads=1, chunk=number, state=str(tmp_path / f"state-{number}.pt"),
            curve=str(tmp_path / f"curve-{number}.tsv"), candidate=str(tmp_path / f"candidate-{number}"),
            watch=str(tmp_path / f"watch-{number}"), images_planned=12,
        ).run()  # fmt: skip
        if previous is not None:
            previous.unlink()
        return tmp_path / f"state-{number}.pt"

    return run


def spoil(path: Path, how: str) -> None:
    raw = bytearray(path.read_bytes())
    if how == "torn":
        raw = raw[: len(raw) // 2]
    elif how == "empty":
        raw = bytearray()
    else:
        raw[len(raw) // 2] ^= 0x10  # torch itself would read it without a word
    path.unlink()
    path.write_bytes(raw)


def test_a_spoilt_newest_state_is_made_again_in_the_same_bits(chunk, tmp_path: Path, digest, caplog) -> None:
    whole = digest(chunk(0)), digest(chunk(1)), digest(chunk(2))
    for how in ("torn", "flipped"):
        chunk(0)
        spoil(chunk(1), how)  # the state of chunk 0 is gone, its spare is there
        assert sorted(path.name for path in tmp_path.glob("*.pt")) == [
            "spare-0.pt",
            "spare-1.pt",
            "state-1.pt",
            "state-2.pt",
        ]
        with caplog.at_level(logging.WARNING):
            assert digest(chunk(2)) == whole[2]
        assert "state-1.pt: not a whole training state" in caplog.text
        assert "chunk 1 is trained again from" in caplog.text


def test_the_first_state_is_made_again_from_nothing(chunk, digest, tmp_path: Path) -> None:
    chunk(0)
    expected = digest(chunk(1))
    spoil(chunk(0), "empty")
    assert digest(chunk(1)) == expected
    assert not is_spoilt(tmp_path / "spare-0.pt")


def test_without_a_spare_the_sentence_says_what_to_do(chunk, tmp_path: Path) -> None:
    chunk(0)
    spoil(chunk(1), "torn")
    (tmp_path / "spare-0.pt").unlink()
    with pytest.raises(MrisynthError, match=r"state-1\.pt: this training state is spoilt.*delete it and run the same"):
        chunk(2)


@pytest.mark.parametrize("how", ["torn", "empty", "flipped"])
def test_a_changed_byte_is_noticed(chunk, how: str) -> None:
    state = chunk(0)
    assert not is_spoilt(state)
    assert read_state(state)["step"] == 2
    spoil(state, how)
    if how == "flipped":
        torch.load(state, weights_only=True)  # says nothing
    assert is_spoilt(state)
    with pytest.raises(TornStateError, match="not a whole training state"):
        read_state(state)
