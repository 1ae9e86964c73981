"""Samples to disk: ours beside the published route, with networks of the same shape and untrained weights.

Ours is ``mrisynth.sampling.write_shard`` (uint8, packed, with the low-resolution volumes). The published route draws
one sample at a time in float32, makes the whole volume and pickles it. Reading back is not counted on either side.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import cpu_seconds, report
from trial import SCRATCH, in_child, peak_mib, recipe_of

AFFINE = [[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1.0]]
ROUTES = {
    "published": None,
    "ours, as published, fp32": ("as_published", "fp32"),
    "ours, as published, bf16": ("as_published", "bf16"),
    "ours, default, fp32": ("default", "fp32"),
    "ours, default, bf16": ("default", "bf16"),
}


def main() -> None:
    """Measure every route in a process of its own, or do one task that the main process set."""
    arguments = _arguments()
    if arguments.task:
        print(json.dumps(measured(json.loads(arguments.task))))
        return
    shared = {"size": arguments.size, "count": arguments.count, "repeats": arguments.repeats}
    shared |= {"device": arguments.device, "threads": arguments.threads}
    rows: list[dict[str, Any]] = []
    for route in ROUTES:
        if arguments.device == "cpu" and route.endswith("bf16"):
            continue  # on a CPU samples are made in 32 bits
        row: dict[str, Any] = {"route": route, **in_child(__file__, {"route": route, **shared})}
        base = rows[0] if rows else row
        row["volumes_per_s"] = 1 / row["s"]
        row["ratio"], row["cpu_ratio"] = base["s"] / row["s"], base["cpu_s"] / row["cpu_s"]
        rows.append(row)
    report(f"sampling_{arguments.size}_{arguments.device}", rows, **shared)


def measured(task: dict[str, Any]) -> dict[str, float]:
    """Draw and write samples; return the seconds of one volume, of these in the network, and the memory."""
    import torch

    torch.set_num_threads(task["threads"])
    SCRATCH.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=SCRATCH))
    try:
        draw, inside = (published if task["route"] == "published" else ours)(task, folder)
        runs = []
        for repeat in range(task["repeats"] + 1):
            inside.clear()
            started, cpu = time.perf_counter(), cpu_seconds()
            draw(task["count"] if repeat else 1)  # the first warms kernels and files
            runs.append((time.perf_counter() - started, cpu_seconds() - cpu, sum(inside)))
        wall, cpu, network = (statistics.median(values) / task["count"] for values in zip(*runs[1:], strict=True))
        written = sum(path.stat().st_size for path in (folder / "out").rglob("*") if path.is_file())
    finally:
        shutil.rmtree(folder)
    cuda = task["device"] == "cuda"
    return {
        "s": wall,
        "cpu_s": cpu,
        "network_s": network,
        "mib_written": written / task["count"] / 2**20,
        "peak_mib": torch.cuda.max_memory_allocated() / 2**20 if cuda else peak_mib(),
    }


def published(task: dict[str, Any], folder: Path) -> tuple[Callable[[int], None], list[float]]:
    """Return the published route: one float32 volume at a time, each pickled."""
    import torch
    from published import IXI, LATENT, Generator

    device, inside = task["device"], []
    network = Generator(task["size"], IXI).to(device).eval()

    def draw(count: int) -> None:
        _emptied(folder / "out")
        for number in range(count):
            started = time.perf_counter()
            with torch.no_grad():
                volume = network.high(network.features(torch.randn(1, LATENT, device=device)))
            _wait_for(device)
            inside.append(time.perf_counter() - started)
            image = volume[0, 0].cpu().numpy()
            with (folder / "out" / f"{number}.pickle").open("wb") as stream:
                pickle.dump({"image": image}, stream)

    return draw, inside


def ours(task: dict[str, Any], folder: Path) -> tuple[Callable[[int], None], list[float]]:
    """Return the workflow's route: a model folder, its sampler, a shard."""
    from mrisynth.sampling import Sampler, write_shard
    from mrisynth.training.export import export_untrained

    preset, precision = ROUTES[task["route"]]
    recipe = recipe_of("wgp_hagan", preset=preset, size=task["size"], batch=2, precision=precision)
    facts = {"classes": [], "columns": {}, "label_counts": [], "affine": AFFINE, "field_mm": 224.0, "seed": 1}
    export_untrained(recipe, folder=folder / "model", **facts)
    sampler = Sampler.load(folder / "model", device=task["device"])
    inside: list[float] = []
    sampler._family = Timed(sampler._family, inside, task["device"])

    def draw(count: int) -> None:
        out = _emptied(folder / "out")
        paths = {"volumes_path": out / "volumes.npy", "low_path": out / "low.npy", "table_path": out / "samples.tsv"}
        write_shard(sampler, first=0, count=count, seed=1, **paths)

    return draw, inside


class Timed:
    """A family whose sampling is timed."""

    def __init__(self, family: Any, inside: list[float], device: str) -> None:
        self._family, self._inside, self._device = family, inside, device

    def sample(self, *arguments: Any, **options: Any) -> Any:
        """Sample and note the seconds."""
        started = time.perf_counter()
        made = self._family.sample(*arguments, **options)
        _wait_for(self._device)
        self._inside.append(time.perf_counter() - started)
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._family, name)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _wait_for(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64, choices=(64, 128, 256))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--count", type=int, default=4, help="samples in a shard")
    parser.add_argument("--repeats", type=int, default=3, help="shards drawn and counted")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--task", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
