"""Runs nnU-Net v2: plan, train, predict, each in a process of its own with its messages in a log file.

nnU-Net has no seeds for what it draws, takes every core, and starts processes of its own; :class:`Settings` and the
trainers of :mod:`mrisynth.segmentation.trainers.nnunet_trainer` fix what can be. Nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import mrisynth
from mrisynth.errors import MrisynthError
from mrisynth.segmentation.layout import ENDING, SPLITS, Dataset
from mrisynth.segmentation.nnunet_launcher import tool_of

Configuration = Literal["2d", "3d_fullres"]

TRAINER, STRONG_TRAINER = "MrisynthTrainer", "MrisynthTrainerStrongIntensity"
_TRAINER_MODULE = "mrisynth.segmentation.trainers.nnunet_trainer"
TRAINERS = Path(mrisynth.__file__).parent.joinpath(*_TRAINER_MODULE.split(".")[1:-1])
"""The folder for ``nnUNet_extTrainer``."""

SETTINGS = "MRISYNTH_NNUNET"
"""The environment variable that the trainers read, which cannot import this module."""

_TAIL_LINES = 12


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an arm is trained and predicted.

    Attributes:
        configuration: ``2d``, of slices or of the slices of volumes, or ``3d_fullres``.
        fold: ``all`` trains on all cases; a number leaves that fold of ``splits_final.json`` out.
        epochs, iterations: of the training; an iteration is a batch. nnU-Net's own are 1000 and 250.
        validation_iterations: batches behind the validation loss of an epoch.
        initial_learning_rate: of SGD; it falls to 0 over the epochs.
        strong_intensity: strong changes of intensity in training.
        batch_size: None for what nnU-Net plans for a GPU.
        gpu_memory_gb: for which nnU-Net plans patches and batches; None for its own target.
        seed: of weights and batches.
        device: ``cpu`` or ``cuda``.
        threads: of the training process.
        workers: processes that make batches; with more than one their order is chance.
        mirror: predict each image mirrored along all axes too, as nnU-Net does by default; four times (2D) to eight
            times (3D) as long.
        final_validation: predict the cases of the fold after the training.
    """

    configuration: Configuration = "2d"
    fold: int | Literal["all"] = "all"
    epochs: int = 50
    iterations: int = 50
    validation_iterations: int = 5
    initial_learning_rate: float = 1e-2
    strong_intensity: bool = False
    batch_size: int | None = None
    gpu_memory_gb: float | None = None
    seed: int = 0
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = 1
    workers: int = 1
    mirror: bool = False
    final_validation: bool = False

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("epochs", "iterations", "validation_iterations", "threads")}
        counts |= {"workers": self.workers, "batch_size": 1 if self.batch_size is None else self.batch_size}
        wrong = [f"{name} {value}" for name, value in counts.items() if value < 1]
        if self.initial_learning_rate <= 0 or not 0 <= self.seed < 2**63:
            wrong.append(f"initial_learning_rate {self.initial_learning_rate} or seed {self.seed}")
        if self.fold != "all" and not (isinstance(self.fold, int) and self.fold >= 0):
            wrong.append(f"fold {self.fold!r}")
        if wrong:
            raise MrisynthError(
                f"Found for nnU-Net: {', '.join(wrong)}; expected numbers of 1 or more (seed: from 0 on; fold: from 0 "
                "on, or 'all')."
            )

    @property
    def trainer(self) -> str:
        """Return the class of the trainer."""
        return STRONG_TRAINER if self.strong_intensity else TRAINER


def plan_and_preprocess(dataset: Dataset, settings: Settings, *, log: Path) -> Path:
    """Plan patches, batches and networks for a data set and resample its cases; return the plans.

    Folds by participant are put beside the plans, where nnU-Net looks for them before it makes folds of cases.

    Args:
        dataset: as written by :func:`mrisynth.segmentation.nnunet_dataset.write_dataset`.
        settings: of the arm.
        log: file for nnU-Net's messages.

    Raises:
        MrisynthError: nnU-Net is not there or failed, or does not plan the configuration for these cases.
    """
    _check_written(dataset)
    memory = [] if settings.gpu_memory_gb is None else ["-gpu_memory_target", str(settings.gpu_memory_gb)]
    command = ["-d", str(dataset.number), "-c", settings.configuration, "-npfp", "1", "-np", "1"]
    command += ["--clean", "--no_pbar", "--verify_dataset_integrity"]
    dataset.layout.preprocessed.mkdir(parents=True, exist_ok=True)
    _run("nnUNetv2_plan_and_preprocess", [*command, *memory], dataset, settings, log=log)
    folder = dataset.layout.preprocessed / dataset.name
    plans = folder / "nnUNetPlans.json"
    known = json.loads(plans.read_text())["configurations"]
    if settings.configuration not in known:
        raise MrisynthError(
            f"{dataset.name}: nnU-Net plans {', '.join(known)} for these cases and no {settings.configuration}; slices "
            "can be segmented in 2d alone."
        )
    (folder / SPLITS).unlink(missing_ok=True)
    if (dataset.folder / SPLITS).is_file():
        shutil.copyfile(dataset.folder / SPLITS, folder / SPLITS)
    return plans


def train(dataset: Dataset, settings: Settings, *, log: Path, resume: bool = False) -> Path:
    """Train the network of an arm and return its checkpoint.

    Args:
        dataset: planned and preprocessed.
        settings: of the arm.
        log: file for nnU-Net's messages.
        resume: go on from the last checkpoint, where there is one.

    Raises:
        MrisynthError: nnU-Net is not there or failed, or the fold is not one of the data set.
    """
    folder = dataset.layout.preprocessed / dataset.name
    if settings.fold != "all":
        splits = folder / SPLITS
        count = len(json.loads(splits.read_text())) if splits.is_file() else 0
        if settings.fold >= count:
            raise MrisynthError(
                f"{dataset.name} has {count} folds by participant, none with the number {settings.fold}; nnU-Net would "
                "make one of its own that can cut a person. Choose another fold, or 'all'."
            )
    command = [str(dataset.number), settings.configuration, str(settings.fold), "-tr", settings.trainer]
    command += ["-device", settings.device, *(["--c"] if resume else [])]
    _run("nnUNetv2_train", command, dataset, settings, log=log)
    checkpoint = _checkpoint(dataset, settings)
    if not checkpoint.is_file():
        raise MrisynthError(f"nnU-Net ended without {checkpoint}; its messages are in {log}.")
    return checkpoint


def predict(dataset: Dataset, settings: Settings, *, images: Path | None = None, output: Path, log: Path) -> list[Path]:
    """Predict the label maps of a folder of images and return them, in the order of their names.

    Args:
        dataset: whose network predicts.
        settings: those of its training.
        images: a folder of ``*_0000.nii.gz``, such as ``imagesTs`` of another arm; None for the own test cases.
        output: folder for the label maps, one ``.nii.gz`` a case.
        log: file for nnU-Net's messages.

    Raises:
        MrisynthError: there is no trained network or no image, or nnU-Net is not there or failed.
    """
    images = dataset.test_images if images is None else images
    cases = sorted(path.name.removesuffix(f"_0000{ENDING}") for path in images.glob(f"*_0000{ENDING}"))
    if not cases or not _checkpoint(dataset, settings).is_file():
        raise MrisynthError(
            f"Predicting with {dataset.name} found {len(cases)} images in {images} and expected the network "
            f"{_checkpoint(dataset, settings)}; train it first, and write test cases."
        )
    command = ["-i", str(images), "-o", str(output), "-d", str(dataset.number), "-c", settings.configuration]
    command += ["-tr", settings.trainer, "-f", str(settings.fold), "-npp", "1", "-nps", "1"]
    command += ["-device", settings.device, "--disable_progress_bar", *([] if settings.mirror else ["--disable_tta"])]
    _run("nnUNetv2_predict", command, dataset, settings, log=log)
    found = [output / f"{case}{ENDING}" for case in cases]
    missing = [path.name for path in found if not path.is_file()]
    if missing:
        raise MrisynthError(
            f"nnU-Net predicted no {missing[0]} and {len(missing) - 1} more; its messages are in {log}."
        )
    return found


def environment(dataset: Dataset, settings: Settings) -> dict[str, str]:
    """Return the environment of nnU-Net's processes: that of this one, with all that steers nnU-Net set anew."""
    layout, threads = dataset.layout, str(settings.threads)
    wanted = {
        "epochs": settings.epochs,
        "iterations": settings.iterations,
        "validation_iterations": settings.validation_iterations,
        "initial_learning_rate": settings.initial_learning_rate,
        "batch_size": settings.batch_size,
        "seed": settings.seed,
        "threads": settings.threads,
        "save_every": max(1, settings.epochs // 10),
        "final_validation": settings.final_validation,
    }
    library = str(Path(mrisynth.__file__).parent.parent)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("nnUNet_", SETTINGS))}
    return own | {
        "nnUNet_raw": str(_there(layout.raw, layout.results)),
        "nnUNet_preprocessed": str(_there(layout.preprocessed, layout.results)),
        "nnUNet_results": str(layout.results.absolute()),
        "nnUNet_extTrainer": str(TRAINERS.absolute()),
        "nnUNet_n_proc_DA": str(settings.workers),  # 0 ends in a crash while planning
        "nnUNet_def_n_proc": "1",
        "nnUNet_compile": "f",
        "nnUNet_wandb_enabled": "0",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join([library, *filter(None, [os.environ.get("PYTHONPATH")])]),
        SETTINGS: json.dumps(wanted),
    }


def _run(tool: str, arguments: Sequence[str], dataset: Dataset, settings: Settings, *, log: Path) -> None:
    tool_of(tool)
    command = [sys.executable, "-P", "-m", "mrisynth.segmentation.nnunet_launcher", tool]
    for folder in (dataset.layout.results, log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(
            [*command, *arguments], env=environment(dataset, settings), stdout=stream, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    if done.returncode:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        tail = "\n".join(lines[-_TAIL_LINES:])
        raise MrisynthError(
            f"{dataset.name}: {tool} failed with exit status {done.returncode}; all of its messages are in {log}, the "
            f"last ones are:\n{tail}"
        )


def _there(folder: Path, other: Path) -> Path:
    """Return a folder, or another one where it is gone: nnU-Net looks for data sets in all three, used or not."""
    return (folder if folder.is_dir() else other).absolute()


def _checkpoint(dataset: Dataset, settings: Settings) -> Path:
    folder = dataset.model_folder(settings.trainer, settings.configuration)
    return folder / f"fold_{settings.fold}" / "checkpoint_final.pth"


def _check_written(dataset: Dataset) -> None:
    if not (dataset.folder / "dataset.json").is_file():
        raise MrisynthError(f"{dataset.folder} holds no data set; write it first.")
