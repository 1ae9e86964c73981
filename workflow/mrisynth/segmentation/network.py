"""The network of an arm: trained whole, or on from where a killed job left it."""

from __future__ import annotations

import hashlib
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mrisynth.files import read_json, sha256_of, write_json
from mrisynth.segmentation.layout import Dataset
from mrisynth.segmentation.nnunet_run import Settings, train

STAMP = "training.json"
"""Beside nnU-Net's folders: what the training there was begun with."""

_OF_THE_MACHINE = ("device", "threads", "workers", "mirror")

_LOG = logging.getLogger(__name__)


def train_network(dataset: Dataset, settings: Settings, *, log: Path) -> dict[str, Any]:
    """Train the network of an arm and return what it is; one begun with the same cases and settings goes on.

    A killed job leaves nnU-Net's last checkpoint, one for each tenth of the epochs. It is continued where the
    preprocessed cases are still the same files and the settings equal ones, and otherwise deleted.

    Args:
        dataset: planned and preprocessed.
        settings: of the arm.
        log: file for nnU-Net's messages.

    Returns:
        ``dataset``, ``trainer``, ``settings``, ``checkpoint`` (from the arm's folder) and its ``sha256``.

    Raises:
        MrisynthError: nnU-Net failed.
    """
    root = dataset.layout.root
    wanted = {"settings": plain(settings), "cases": _state_of(dataset.layout.preprocessed / dataset.name)}
    stamp = root / STAMP
    begun = stamp.is_file() and read_json(stamp) == wanted
    if not begun:
        shutil.rmtree(dataset.layout.results, ignore_errors=True)
        write_json(wanted, stamp)
    elif any(dataset.layout.results.rglob("checkpoint_*.pth")):
        _LOG.info("%s: a former job has begun this training, which goes on", dataset.name)
    checkpoint = train(dataset, settings, log=log, resume=begun)
    stamp.unlink()
    return {
        "dataset": dataset.name,
        "trainer": settings.trainer,
        "settings": plain(settings),
        "checkpoint": checkpoint.relative_to(root).as_posix(),
        "sha256": sha256_of(checkpoint),
    }


def plain(settings: Settings) -> dict[str, Any]:
    """Return the settings that decide what is learnt, without those of the machine and of predictions."""
    return {key: value for key, value in asdict(settings).items() if key not in _OF_THE_MACHINE}


def _state_of(folder: Path) -> str:
    """Return a digest of names, sizes and times of the files of a folder."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        about = path.stat()
        found.update(f"{path.relative_to(folder)}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    return found.hexdigest()
