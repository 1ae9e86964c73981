"""How nnU-Net is started, and what is said where it fails; the whole of it runs in tests/end_to_end/test_nnunet.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import mrisynth
from mrisynth.errors import MrisynthError
from mrisynth.segmentation import nnunet_run
from mrisynth.segmentation.cases import Case
from mrisynth.segmentation.layout import SPLITS, Layout
from mrisynth.segmentation.nnunet_dataset import write_dataset
from mrisynth.segmentation.nnunet_launcher import tool_of
from mrisynth.segmentation.nnunet_run import TRAINERS, Settings, environment, plan_and_preprocess, predict, train
from mrisynth.segmentation.structures import Structures


@pytest.fixture
def dataset(tmp_path):
    found = Layout(tmp_path / "nnunet").dataset("both", 502)
    labels = np.zeros((8, 8, 8), dtype=int)
    labels[2:5, 2:5, 2:5] = 1
    cases = [
        Case(name=f"c{n}", participant_id=f"p{n}", image=labels + 0.5, labels=labels, affine=np.eye(4))
        for n in range(4)
    ]
    write_dataset(found, cases[:3], test=cases[3:], structures=Structures({"box": [1]}), folds=3, seed=1)
    return found


@pytest.fixture
def calls(monkeypatch):
    """What is started, and what takes the place of nnU-Net: writes what is wanted and ends with a status."""
    found = []
    acts = {"status": 0, "act": lambda command: None}

    def run(command, *, env, stdout, stderr, stdin, check):
        found.append((command, env))
        stdout.write("a line\nthe last line\n")
        acts["act"](command)
        return subprocess.CompletedProcess(command, acts["status"])

    monkeypatch.setattr(nnunet_run.subprocess, "run", run)
    return found, acts


def planned(dataset, configurations=("2d", "3d_fullres")):
    folder = dataset.layout.preprocessed / dataset.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nnUNetPlans.json").write_text(json.dumps({"configurations": {name: {} for name in configurations}}))
    return folder


def checkpoint(dataset, settings):
    folder = dataset.model_folder(settings.trainer, settings.configuration) / f"fold_{settings.fold}"
    folder.mkdir(parents=True)
    (folder / "checkpoint_final.pth").touch()


def test_the_environment_is_set_anew_and_keeps_what_is_not_of_nnunet(dataset, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", "/elsewhere")
    monkeypatch.setenv("nnUNet_n_proc_DA", "32")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    found = environment(dataset, Settings(epochs=20, threads=2, seed=7))
    assert found["nnUNet_raw"] == str(dataset.layout.raw) and found["CUDA_VISIBLE_DEVICES"] == "3"
    assert [found[f"nnUNet_{name}"] for name in ("n_proc_DA", "def_n_proc", "compile")] == ["1", "1", "f"]
    assert found["nnUNet_extTrainer"] == str(TRAINERS) and found["OMP_NUM_THREADS"] == "2"
    wanted = json.loads(found[nnunet_run.SETTINGS])
    assert (wanted["epochs"], wanted["save_every"], wanted["seed"], wanted["batch_size"]) == (20, 2, 7, None)


def test_folders_that_are_gone_are_not_made_anew(dataset, calls, tmp_path):
    """A trained network predicts without its data set, of which nothing may appear that a workflow would take for it."""
    _, acts = calls
    checkpoint(dataset, Settings())
    shutil.rmtree(dataset.layout.raw)
    found = environment(dataset, Settings())
    assert found["nnUNet_raw"] == found["nnUNet_preprocessed"] == str(dataset.layout.results)
    images, output = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    output.mkdir()
    (images / "a_0000.nii.gz").touch()
    acts["act"] = lambda command: (output / "a.nii.gz").touch()
    assert predict(dataset, Settings(), images=images, output=output, log=tmp_path / "log") == [output / "a.nii.gz"]
    assert not dataset.layout.raw.exists() and not dataset.layout.preprocessed.exists()


def test_planning_puts_the_folds_where_nnunet_looks(dataset, calls, tmp_path):
    found, acts = calls
    acts["act"] = lambda command: planned(dataset)
    plans = plan_and_preprocess(dataset, Settings(gpu_memory_gb=2.0), log=tmp_path / "plan.log")
    command = found[0][0]
    assert command[:3] == [sys.executable, "-P", "-m"] and command[4:7] == ["nnUNetv2_plan_and_preprocess", "-d", "502"]
    assert command[-2:] == ["-gpu_memory_target", "2.0"]
    assert (plans.parent / SPLITS).read_bytes() == (dataset.folder / SPLITS).read_bytes()
    acts["act"] = lambda command: planned(dataset, ["2d"])
    with pytest.raises(MrisynthError, match="plans 2d for these cases and no 3d_fullres"):
        plan_and_preprocess(dataset, Settings(configuration="3d_fullres"), log=tmp_path / "plan.log")


def test_a_failure_is_told_with_the_end_of_the_log(dataset, calls, tmp_path):
    _, acts = calls
    acts["status"] = 1
    with pytest.raises(MrisynthError, match=r"exit status 1; all of its messages are in .*a\.log(.|\n)*the last line"):
        train(dataset, Settings(), log=tmp_path / "logs" / "a.log")
    acts["status"] = 0
    with pytest.raises(MrisynthError, match=r"ended without .*checkpoint_final\.pth"):
        train(dataset, Settings(), log=tmp_path / "logs" / "a.log")


def test_training_with_strong_intensity_is_a_trainer_of_its_own(dataset, calls, tmp_path):
    found, acts = calls
    settings = Settings(strong_intensity=True, fold=1, device="cuda")
    (planned(dataset) / SPLITS).write_bytes((dataset.folder / SPLITS).read_bytes())
    acts["act"] = lambda command: checkpoint(dataset, settings)
    path = train(dataset, settings, log=tmp_path / "a.log", resume=True)
    assert found[0][0][5:] == ["502", "2d", "1", "-tr", "MrisynthTrainerStrongIntensity", "-device", "cuda", "--c"]
    assert path.parts[-3:] == ("MrisynthTrainerStrongIntensity__nnUNetPlans__2d", "fold_1", "checkpoint_final.pth")


def test_folds_that_nnunet_would_make_itself_are_refused(dataset, calls, tmp_path):
    (planned(dataset) / SPLITS).write_bytes((dataset.folder / SPLITS).read_bytes())
    with pytest.raises(MrisynthError, match="has 3 folds by participant, none with the number 3"):
        train(dataset, Settings(fold=3), log=tmp_path / "a.log")
    assert calls[0] == []


def test_predictions_are_those_of_every_image(dataset, calls, tmp_path):
    found, acts = calls
    settings, output = Settings(), tmp_path / "predicted"
    with pytest.raises(MrisynthError, match=r"1 images in .*imagesTs and expected the network"):
        predict(dataset, settings, output=output, log=tmp_path / "a.log")
    checkpoint(dataset, settings)
    with pytest.raises(MrisynthError, match=r"predicted no real_c3\.nii\.gz"):
        predict(dataset, settings, output=output, log=tmp_path / "a.log")
    output.mkdir()
    acts["act"] = lambda command: (output / "real_c3.nii.gz").touch()
    assert predict(dataset, settings, output=output, log=tmp_path / "a.log") == [output / "real_c3.nii.gz"]
    assert "--disable_tta" in found[-1][0] and "fold_all" not in found[-1][0]
    with pytest.raises(MrisynthError, match="0 images"):
        predict(dataset, settings, images=tmp_path, output=output, log=tmp_path / "a.log")


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"workers": 0}, {"batch_size": 0}, {"fold": -1}, {"initial_learning_rate": 0.0}, {"seed": -1}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(MrisynthError, match=f"{next(iter(wrong))} "):
        Settings(**wrong)


def test_a_data_set_that_was_not_written_and_a_tool_that_is_not_there_are_named(tmp_path):
    with pytest.raises(MrisynthError, match="write it first"):
        plan_and_preprocess(Layout(tmp_path).dataset("none", 501), Settings(), log=tmp_path / "a.log")
    with pytest.raises(MrisynthError, match="install nnunetv2"):
        tool_of("nnUNetv2_fly")
    assert tool_of("nnUNetv2_train").value.startswith("nnunetv2.")


FORKING = """
import multiprocessing, os, sys, time
from mrisynth.segmentation.nnunet_launcher import tie_to_parent
os.register_at_fork(after_in_child=lambda: time.sleep(float(sys.argv[1])))
tie_to_parent()
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system ends orphans on Linux alone")
@pytest.mark.parametrize("late_s", [0.0, 0.5], ids=["killed later", "killed while the process starts"])
def test_processes_that_make_batches_end_with_a_training_that_is_killed(late_s):
    command = [sys.executable, "-c", FORKING, str(late_s)]
    training = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=library())
    worker = int(training.stdout.readline())
    training.kill()
    training.wait()
    training.stdout.close()
    deadline = time.monotonic() + 10
    while running(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(worker)


def running(process: int) -> bool:
    """Whether a process is there and has not ended; one that nobody waited for stays in the list as a zombie."""
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def library() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(mrisynth.__file__).parent.parent)}


def test_starting_nnunet_is_cheap_to_import():
    code = "import sys, mrisynth.segmentation.nnunet_run; print(sorted({'torch', 'nnunetv2', 'pandas', 'nibabel'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=library(), check=True)
    assert found.stdout.strip() == "[]"
