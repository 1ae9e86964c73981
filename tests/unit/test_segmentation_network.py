"""The training of an arm goes on where it was killed, and starts anew where its cases or settings have changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mrisynth.errors import MrisynthError
from mrisynth.segmentation import network
from mrisynth.segmentation.arms import dataset_of
from mrisynth.segmentation.network import STAMP, train_network
from mrisynth.segmentation.nnunet_run import Settings

SETTINGS = Settings(epochs=4)


@pytest.fixture
def arm(tmp_path, monkeypatch):
    """A planned arm, and what stands in for nnU-Net: it leaves a checkpoint and is killed, or ends."""
    dataset = dataset_of("source", tmp_path)
    planned = dataset.layout.preprocessed / dataset.name
    planned.mkdir(parents=True)
    (planned / "case.b2nd").write_bytes(b"x")
    acts = {"killed": True, "resumed": []}

    def train(dataset, settings, *, log, resume):
        folder = dataset.model_folder(settings.trainer, settings.configuration) / "fold_all"
        acts["resumed"].append(resume and (folder / "checkpoint_latest.pth").is_file())
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "checkpoint_latest.pth").write_bytes(b"half")
        if acts["killed"]:
            raise MrisynthError("killed")
        (folder / "checkpoint_final.pth").write_bytes(b"whole")
        return folder / "checkpoint_final.pth"

    monkeypatch.setattr(network, "train", train)
    return dataset, acts, planned


def begin(dataset, tmp_path, settings=SETTINGS):
    with pytest.raises(MrisynthError, match="killed"):
        train_network(dataset, settings, log=tmp_path / "log")


def test_a_killed_training_goes_on(arm, tmp_path):
    dataset, acts, _ = arm
    begin(dataset, tmp_path)
    acts["killed"] = False
    facts = train_network(dataset, replace(SETTINGS, device="cuda", threads=4), log=tmp_path / "log")
    assert acts["resumed"] == [False, True]
    assert (tmp_path / facts["checkpoint"]).read_bytes() == b"whole" and "device" not in facts["settings"]
    assert not (tmp_path / STAMP).exists()
    train_network(dataset, SETTINGS, log=tmp_path / "log")
    assert acts["resumed"][-1] is False, "a training that has ended is not gone on with"


def test_other_settings_or_other_cases_start_anew(arm, tmp_path):
    dataset, acts, planned = arm
    begin(dataset, tmp_path)
    begin(dataset, tmp_path, replace(SETTINGS, epochs=5))
    (planned / "case.b2nd").write_bytes(b"xy")
    begin(dataset, tmp_path, replace(SETTINGS, epochs=5))
    begin(dataset, tmp_path, replace(SETTINGS, epochs=5))
    assert acts["resumed"] == [False, False, False, True]
