from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import sha256_of
from mrisynth.imaging.brain_extraction import make_extractor
from mrisynth.imaging.template import load_template
from mrisynth.imaging.volume import resample_brain, write_volume


@pytest.fixture
def brain(tmp_path: Path) -> Path:
    template = load_template("icbm152_2009a", voxel_mm=5.0)
    path = tmp_path / "brain.nii.gz"
    write_volume(template.image, path)
    return path


def test_extracted_brains_keep_their_outline_and_bad_ones_their_reason(brain: Path, tmp_path: Path):
    nothing = tmp_path / "nothing.nii.gz"
    image = nib.load(brain)
    write_volume(nib.Nifti1Image(-1.0 - np.asarray(image.dataobj), image.affine), nothing)
    extractor = make_extractor("none")
    found = extractor.extract({"a": brain, "b": tmp_path / "gone.nii.gz", "c": nothing}, tmp_path / "out")
    mask = nib.load(found["a"])
    assert found["a"] == tmp_path / "out" / "a" / "mask.nii.gz"
    expected = np.asarray(load_template("icbm152_2009a", voxel_mm=5.0).mask.dataobj)
    np.testing.assert_array_equal(np.asarray(mask.dataobj), expected)
    assert [found[scan].reason for scan in "bc"] == ["missing", "no_brain"]
    assert all(isinstance(found[scan], ScanError) for scan in "bc")


class Blind:
    """deepbet's networks as they fail on a picture in which they find nothing."""

    def run(self, head: nib.Nifti1Image) -> None:
        raise ValueError("attempt to get argmax of an empty sequence")


def test_deepbet_that_finds_nothing_is_one_sentence(brain: Path, tmp_path: Path):
    extractor = make_extractor("deepbet")
    extractor._extractor._networks = Blind()
    found = extractor.extract({"a": brain}, tmp_path)["a"]
    assert isinstance(found, ScanError)
    assert found.reason == "no_brain" and str(brain) in str(found) and "\n" not in str(found)
    assert not (tmp_path / "a" / "mask.nii.gz").exists()


def test_resampled_brain_grows_no_halo():
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[10:30, 12:28, 9:31] = True
    brain = nib.Nifti1Image(np.where(mask, 800.0, 0).astype(np.float32), np.diag([1.0, 1, 1, 1]))
    image, inside = resample_brain(brain, mask, voxel_mm=1.7)
    np.testing.assert_array_equal(np.asarray(image.dataobj) > 0, np.asarray(inside.dataobj) > 0)
    assert np.asarray(inside.dataobj).sum() * 1.7**3 == pytest.approx(mask.sum(), rel=0.12)


def test_unknown_method():
    with pytest.raises(MrisynthError, match="'bet2' is not known"):
        make_extractor("bet2")


def test_hd_bet_without_weights_names_the_key_or_the_files(tmp_path: Path):
    with pytest.raises(MrisynthError, match="needs the folder of its weights"):
        make_extractor("hd_bet")
    with pytest.raises(MrisynthError, match=r"release lacks plans\.json, dataset\.json, fold_all"):
        make_extractor("hd_bet", weights=tmp_path / "release")
    assert list(tmp_path.iterdir()) == []  # nothing was made or downloaded


def test_atlas_needs_both_files(tmp_path: Path):
    with pytest.raises(MrisynthError, match="key `head_template`"):
        make_extractor("atlas")
    (tmp_path / "head.nii.gz").touch()
    with pytest.raises(MrisynthError, match="key `head_mask`"):
        make_extractor("atlas", head_template=tmp_path / "head.nii.gz")


def test_hd_bet_weights_may_lie_one_folder_deeper(tmp_path: Path):
    release = tmp_path / "hd_bet" / "release_2.0.0"
    (release / "fold_all").mkdir(parents=True)
    for name in ("plans.json", "dataset.json", "fold_all/checkpoint_final.pth"):
        (release / name).write_text("{}")
    assert make_extractor("hd_bet", weights=tmp_path / "hd_bet").identity["weights"] == sha256_of(
        release / "fold_all" / "checkpoint_final.pth"
    )


def weights_folder(folder: Path, checkpoint: object) -> Path:
    (folder / "fold_all").mkdir(parents=True)
    for name in ("plans.json", "dataset.json"):
        (folder / name).write_text("{}")
    torch.save(checkpoint, folder / "fold_all" / "checkpoint_final.pth")
    return folder


@pytest.mark.fault(23)
def test_hd_bet_files_that_are_no_json_are_named(tmp_path: Path):
    weights = weights_folder(tmp_path / "release", {})
    (weights / "plans.json").write_text("<html>")
    with pytest.raises(MrisynthError, match=r"plans\.json is no JSON"):
        make_extractor("hd_bet", weights=weights)


class Hostile:
    """Plants a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return Path.touch, (self.canary,)


@pytest.mark.fault(23)
def test_hd_bet_checkpoint_that_would_run_code_is_refused(brain: Path, tmp_path: Path):
    canary = tmp_path / "canary"
    weights = weights_folder(tmp_path / "release", {"network_weights": {}, "logging": Hostile(canary)})
    with pytest.raises(MrisynthError, match=r"checkpoint_final\.pth holds \S+ beside weights.*nothing of it was run"):
        make_extractor("hd_bet", weights=weights).extract({"a": brain}, tmp_path)
    assert not canary.exists()
    torch.load(weights / "fold_all" / "checkpoint_final.pth", weights_only=False)
    assert canary.exists()  # as nnU-Net alone would have read it
