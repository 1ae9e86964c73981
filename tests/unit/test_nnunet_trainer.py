"""The trainers that nnU-Net finds: their settings, seeds and strong changes of intensity."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mrisynth
from mrisynth.segmentation import nnunet_run

trainers = pytest.importorskip("mrisynth.segmentation.trainers.nnunet_trainer", reason="nnunetv2 is not installed")

PATCH = {
    "patch_size": (16, 16), "rotation_for_DA": (-1.0, 1.0), "deep_supervision_scales": None, "mirror_axes": (0, 1),
    "do_dummy_2d_data_aug": False,
}  # fmt: skip


def image(shape=(1, 24, 24)) -> torch.Tensor:
    values = torch.zeros(shape)
    values[:, 6:18, 6:18] = torch.linspace(1.0, 3.0, 12)
    return (values - values.mean()) / values.std()


def named(transforms):
    return [type(getattr(one, "transform", one)).__name__ for one in transforms]


def test_names_and_the_variable_are_those_that_the_run_sets():
    assert nnunet_run.SETTINGS == trainers.SETTINGS
    assert [trainers.MrisynthTrainer.__name__, trainers.MrisynthTrainerStrongIntensity.__name__] == [
        nnunet_run.TRAINER, nnunet_run.STRONG_TRAINER,
    ]  # fmt: skip
    assert {path.name for path in nnunet_run.TRAINERS.glob("*.py")} == {"__init__.py", "nnunet_trainer.py"}


def test_the_signature_is_the_one_that_nnunet_reads():
    for trainer in (trainers.MrisynthTrainer, trainers.MrisynthTrainerStrongIntensity):
        parameters = list(inspect.signature(trainer.__init__).parameters)
        assert parameters == ["self", "plans", "configuration", "fold", "dataset_json", "device"]


FIND = """
from mrisynth.segmentation.nnunet_launcher import declare_operators_of_torchvision
declare_operators_of_torchvision()
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
for name in ("MrisynthTrainer", "MrisynthTrainerStrongIntensity"):
    found = recursive_find_trainer_class_by_name(name)
    print("found", found.__module__, found.__name__)
"""


def test_nnunet_finds_both_by_name():
    """In a process of its own, as operators that are declared stay so, and other tests are to see torchvision as it is."""
    folders = os.pathsep.join(["/is/not/there", str(nnunet_run.TRAINERS)])
    library = str(Path(mrisynth.__file__).parent.parent)
    environment = os.environ | {"nnUNet_extTrainer": folders, "PYTHONPATH": library}
    done = subprocess.run([sys.executable, "-c", FIND], env=environment, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("found")]
    assert lines == [f"found nnunet_trainer {name}" for name in (nnunet_run.TRAINER, nnunet_run.STRONG_TRAINER)]


def test_a_trainer_without_settings_says_who_sets_them(monkeypatch):
    monkeypatch.delenv(trainers.SETTINGS, raising=False)
    with pytest.raises(RuntimeError, match=r"nnunet_run\.train"):
        trainers._settings()
    monkeypatch.setenv(trainers.SETTINGS, json.dumps({"epochs": 3}))
    assert trainers._settings() == {"epochs": 3}


def test_strong_changes_stand_between_the_spatial_ones_and_those_of_nnunet():
    plain = named(trainers.MrisynthTrainer.get_training_transforms(**PATCH).transforms)
    strong = named(trainers.MrisynthTrainerStrongIntensity.get_training_transforms(**PATCH).transforms)
    added = named(trainers.strong_intensity())
    assert strong == [plain[0], *added, *plain[1:]] and plain[0] == "SpatialTransform"
    assert {"InvertTissue", "GammaTransform", "ContrastTransform", "GaussianNoiseTransform"} < set(added)
    assert "InvertTissue" not in plain


def test_blurs_are_of_one_kind_whatever_was_faster():
    transforms = trainers.MrisynthTrainer.get_training_transforms(**PATCH).transforms
    blurs = [
        one.transform for one in transforms if type(getattr(one, "transform", one)).__name__ == "GaussianBlurTransform"
    ]
    assert len(blurs) == 1 and blurs[0].benchmark is False


def test_inversion_turns_tissue_around_and_leaves_the_background():
    before = image()
    after = trainers.InvertTissue()(image=before.clone())["image"]
    tissue = before > before.min() + 0.1
    assert torch.equal(after[~tissue], before[~tissue])
    assert after[tissue].min() == pytest.approx(before[tissue].min().item(), abs=1e-5)
    order = [torch.corrcoef(torch.stack([before[tissue], after[tissue]]))[0, 1].item()]
    assert order == pytest.approx([-1.0])
    flat = torch.ones(1, 4, 4)
    assert torch.equal(trainers.InvertTissue()(image=flat.clone())["image"], flat)


def test_strong_changes_differ_from_draw_to_draw_stay_finite_and_repeat_with_their_seed():
    def draw(seed):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (what batchgenerators draw from)
        found = image((1, 24, 24))
        for transform in trainers.strong_intensity():
            found = transform(image=found)["image"]
        return found

    drawn = [draw(seed) for seed in range(20)]
    assert all(torch.isfinite(one).all() for one in drawn)
    assert torch.equal(draw(3), drawn[3])
    middle, corner = (
        [float(one[0, 9:15, 15:17].mean()) for one in drawn],
        [float(one[0, 9:15, 7:9].mean()) for one in drawn],
    )
    brighter = sum(one > other for one, other in zip(middle, corner, strict=True))
    assert len(set(middle)) == 20 and 3 < brighter < 18
