"""What the benchmarks of models share: recipes, volumes to train on, and one process for each thing measured."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import REPOSITORY, real_data

if TYPE_CHECKING:
    from mrisynth.recipes import ModelRecipe

SCRATCH = Path(__file__).resolve().parent / "scratch" / "trial"


def in_child(script: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run a benchmark's script on one task in a process of its own and return what it printed last, as JSON.

    A task that fails raises, with the end of what the process said.
    """
    command = [sys.executable, script, "--task", json.dumps(task)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{task} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def peak_mib() -> float:
    """Return the most memory that this process has had resident, in MiB; of it alone, not of what started it."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def recipe_of(
    family: str, *, preset: str = "default", size: int, batch: int, precision: str, **settings: Any
) -> ModelRecipe:
    """Return the recipe of a model with its preset and all defaults filled in, as a study has it."""
    from mrisynth.study import Study

    model = {"family": family, "preset": preset, "size": size, "batch_size": batch, "precision": precision}
    model |= {"allow_cpu": True, "recipe": settings}
    config = {
        "folder": "studies/trial",
        "cohort": {"name": "simulated"},
        "models": {"trial": model},
        "features": {"random": {"network": "random"}},
        "evaluation": {"features": ["random"]},
        "clustering": {"features": "random"},
    }
    schema = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
    return Study.read(config, schema=schema, source="a benchmark").models["trial"]


def packed_volumes(size: int, count: int) -> Path:
    """Return a packed array of brains, uint8 [scan, x, y, z], made once: real brains, else smooth noise in a ball."""
    path = SCRATCH / f"{size}_{count}.npy"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack([(volume * 255).round().astype(np.uint8) for volume in _volumes(size, count)]))
    return path


def pickled_volumes(size: int, count: int, *, signed: bool) -> Path:
    """Return a folder of the same volumes as the originals keep them: a pickled float32 array each."""
    folder = SCRATCH / f"{size}_{count}_{'signed' if signed else 'unit'}"
    if len(list(folder.glob("*.pickle"))) < count:
        folder.mkdir(parents=True, exist_ok=True)
        for number, packed in enumerate(np.load(packed_volumes(size, count), mmap_mode="r")):
            volume = packed.astype(np.float32) / 255
            volume = volume * 2 - 1 if signed else volume
            (folder / f"{number}.pickle").write_bytes(pickle.dumps({"image": volume}))
    return folder


def _volumes(size: int, count: int) -> Iterable[np.ndarray]:
    """Yield float32 cubes in 0..1; the few real brains serve again, each time shifted a little."""
    import torch
    from torch.nn import functional

    try:
        files = sorted((real_data() / "brains").glob("*_brain.nii.gz"))
    except SystemExit:
        files = []
    for number in range(count):
        if files:
            import nibabel as nib

            source = nib.load(files[number % len(files)]).get_fdata(dtype=np.float32)
            source = np.roll(source / source.max(), number // len(files), axis=0)
        else:
            source = _ball(number)
        tensor = torch.from_numpy(np.ascontiguousarray(source))[None, None]
        yield functional.interpolate(tensor, size=(size,) * 3, mode="trilinear")[0, 0].clamp(0, 1).numpy()


def _ball(number: int, *, edge: int = 64) -> np.ndarray:
    axes = np.meshgrid(*[np.linspace(-1, 1, edge, dtype=np.float32)] * 3, indexing="ij")
    inside = sum(axis**2 for axis in axes) < 0.7
    return inside * np.random.default_rng(number).random((edge,) * 3, dtype=np.float32)
