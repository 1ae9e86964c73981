"""Fault 6: the disk is full while a volume, a state, a table, packed scans, samples or weights are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from support.clone import TINY, Clone
from support.small_disk import small_disk, small_files

from mrisynth.disk import DiskError
from mrisynth.embeddings import Embeddings, save_embeddings
from mrisynth.files import atomic, write_json, write_table
from mrisynth.imaging.volume import write_volume
from mrisynth.models import family
from mrisynth.recipes import ModelRecipe
from mrisynth.store import build_pyramid
from mrisynth.training.state import save_state

pytestmark = pytest.mark.fault(6)
NOISE = np.random.default_rng(0).random((96, 96, 96), dtype=np.float32)  # nothing can be compressed
LIMIT_KB = 512


def a_volume(folder: Path) -> Path:
    write_volume(nib.Nifti1Image(NOISE, np.eye(4)), folder / "brain.nii.gz")
    return folder / "brain.nii.gz"


def a_state(folder: Path) -> Path:
    recipe = ModelRecipe(
        name="model", family="wgp_hagan", condition="none", size=32, images_total=2, images_per_chunk=2, batch_size=2,
        family_recipe={"width": 8, "latent": 8},
    )  # fmt: skip
    state = family(recipe.family).build(recipe, columns=[], seed=1, device="cpu")
    save_state(state, folder / "state-0.pt", fingerprint="x")
    return folder / "state-0.pt"


def a_table(folder: Path) -> Path:
    write_table(pd.DataFrame({"value": NOISE.ravel()[:100_000]}), folder / "metrics.tsv")
    return folder / "metrics.tsv"


def a_json(folder: Path) -> Path:
    write_json({"values": NOISE.ravel()[:60_000].tolist()}, folder / "card.json")
    return folder / "card.json"


def weights(folder: Path) -> Path:
    with atomic(folder / "generator.safetensors") as unfinished:
        save_file({"weight": torch.from_numpy(NOISE)}, unfinished)
    return folder / "generator.safetensors"


def features(folder: Path) -> Path:
    save_embeddings(Embeddings(NOISE[:, :, :32].reshape(96, -1), [str(row) for row in range(96)], {}), folder / "a.npz")
    return folder / "a.npz"


def packed_scans(folder: Path) -> Path:
    """Written through a map, which on a full disk would kill the process (SIGBUS)."""
    source = folder.parent / "source.nii.gz"
    if not source.exists():
        nib.save(nib.Nifti1Image(NOISE, np.eye(4)), source)
    build_pyramid({"scan": source}, folder, sizes=[96])
    return folder / "96.npy"


WRITERS = [a_volume, a_state, a_table, a_json, weights, features, packed_scans]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_full_disk_is_one_sentence_and_leaves_no_file(write: Callable[[Path], Path], tmp_path: Path) -> None:
    packed_scans(tmp_path / "first")  # makes what is read
    with small_disk(tmp_path / "disk", kilobytes=LIMIT_KB) as disk:
        with pytest.raises(DiskError) as caught:
            write(disk.folder)
        _check(caught.value, disk.folder)
        disk.resize(8192)
        assert write(disk.folder).is_file()


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_quota_is_one_sentence_and_leaves_no_file(write: Callable[[Path], Path], tmp_path: Path) -> None:
    packed_scans(tmp_path / "first")
    folder = tmp_path / "folder"
    folder.mkdir()
    with small_files(LIMIT_KB * 1024), pytest.raises(DiskError) as caught:
        write(folder)
    _check(caught.value, folder)
    assert write(folder).is_file()


def _check(error: DiskError, folder: Path) -> None:
    sentence = str(error)
    assert sentence.startswith(str(folder)) and "the disk or quota is full" in sentence
    assert "Free some space and run the same command again" in sentence
    assert not [path for path in folder.rglob("*") if path.is_file()], "a torn or unfinished file stayed"


def test_what_stood_there_before_stays_when_the_disk_is_full(tmp_path: Path) -> None:
    path = tmp_path / "metrics.tsv"
    write_table(pd.DataFrame({"value": [1.0]}), path)
    before = path.read_bytes()
    with small_files(LIMIT_KB * 1024), pytest.raises(DiskError):
        a_table(tmp_path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_an_error_of_another_folder_is_not_told_as_one_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic(tmp_path / "out.txt"):
        raise PermissionError(13, "Permission denied", "/elsewhere/in.txt")
    with pytest.raises(ValueError, match="nothing to do with it"), atomic(tmp_path / "out.txt"):
        raise ValueError("nothing to do with it")


@pytest.mark.slow_fault
@pytest.mark.end_to_end
def test_a_study_on_a_full_disk_stops_and_goes_on_when_there_is_space(clone: Clone) -> None:
    folder = "studies/tiny"
    words = (*TINY, "--config", "cohort={name: simulated, participants: 4, simulated_voxel_mm: 4.0}",
             "preprocessing={voxel_mm: 4.0, size: 32, scans_per_job: 4, brain_extraction: {method: deepbet}}",
             "--", f"{folder}/cohort/scans.tsv")  # fmt: skip
    with small_disk(clone.folder / folder, kilobytes=100) as disk:
        (disk.folder / "preprocessed").mkdir()  # it has begun, so that its needs are not compared with what is free
        full = clone.run(*words)
        assert full.returncode != 0
        assert "the disk or quota is full" in full.stderr and "run the same command again" in full.stderr
        assert not list(disk.folder.rglob(".unfinished*"))
        disk.resize(20_000)
        again = clone.run(*words)
        assert again.returncode == 0, again.stderr
        assert len((disk.folder / "cohort" / "scans.tsv").read_text().splitlines()) == 5
