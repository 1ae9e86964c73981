"""One training iteration of PACGAN of ours beside the published one: same updates, images, batch, level and networks.

Ours reads a packed uint8 array through the workflow's own batches and loop (guards, moving average and curve included),
as published and by default, in 32 bits and in bf16. The published step (``published_slices.py``) is float32. Each
variant has a process of its own, in turn, round by round. The level is faded in already.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import report
from train_step import Clock
from trial import SCRATCH, in_child, packed_volumes, peak_mib

WARM_UP = 1
CLASSES = 2
VARIANTS = {  # settings of ours and precision; None for the published step
    "published": None,
    "ours as published, fp32": ("as_published", "fp32"),
    "ours by default, fp32": ("default", "fp32"),
    "ours as published, bf16": ("as_published", "bf16"),
    "ours by default, bf16": ("default", "bf16"),
}
_SCANS = 4


def main() -> None:
    """Measure every variant at one level, or do one task that the main process set."""
    arguments = _arguments()
    if arguments.task:
        print(json.dumps(measured(json.loads(arguments.task))))
        return
    task = {"size": arguments.size, "batch": arguments.batch, "critic_steps": arguments.critic_steps}
    task |= {"device": arguments.device, "threads": arguments.threads, "iterations": arguments.iterations}
    variants = [name for name in VARIANTS if name == "published" or arguments.variant in name]
    rows = compared(task, variants, rounds=arguments.rounds)
    name = "slice_step" if (arguments.device, arguments.size) == ("cpu", 128) else f"slice_step_{task['size']}"
    report(name if arguments.device == "cpu" else f"{name}_{arguments.device}", rows, **task, rounds=arguments.rounds)


def compared(task: dict[str, Any], variants: Sequence[str], *, rounds: int) -> list[dict[str, Any]]:
    """Return a row a variant: medians over the iterations of all its processes, and ratios to the published step."""
    in_child(__file__, task | {"variant": None})
    runs: dict[str, list[dict[str, Any]]] = {variant: [] for variant in variants}
    for _ in range(rounds):
        for variant, results in runs.items():
            results.append(in_child(__file__, task | {"variant": variant}))
    images = task["batch"] * task["critic_steps"]
    rows: list[dict[str, Any]] = []
    for variant, results in runs.items():
        middle = {
            key: statistics.median(value for result in results for value in result[key])
            for key in ("s_per_iteration", "cpu_s_per_iteration")
        }
        row: dict[str, Any] = {"variant": variant, "updates": f"{task['critic_steps']} D, 1 G"}
        row |= {"s_per_1000_images": 1000 * middle["s_per_iteration"] / images}
        row |= {"cpu_s_per_1000_images": 1000 * middle["cpu_s_per_iteration"] / images}
        row["peak_mib"] = statistics.median(result["peak_mib"] for result in results)
        base = rows[0] if rows else row
        row["ratio"] = base["s_per_1000_images"] / row["s_per_1000_images"]
        row["cpu_ratio"] = base["cpu_s_per_1000_images"] / row["cpu_s_per_1000_images"]
        row["memory"] = row["peak_mib"] / base["peak_mib"]
        rows.append(row)
    return rows


def measured(task: dict[str, Any]) -> dict[str, Any]:
    """Take the times of some iterations of one variant in this process, after one that is not counted."""
    path = packed_slices(task["size"])
    if task["variant"] is None:  # only the slices, so that no measured process makes them
        return {}
    import torch

    torch.set_num_threads(task["threads"])
    cuda = task["device"] == "cuda"
    clock = Clock(warm_up=WARM_UP, wait=torch.cuda.synchronize if cuda else None)
    chosen = VARIANTS[task["variant"]]
    if chosen is None:
        published(task, clock, path)
    else:
        ours(task, clock, path, preset=chosen[0], precision=chosen[1])
    peak = torch.cuda.max_memory_allocated() / 2**20 if cuda else peak_mib()
    return {**clock.iterations(), "peak_mib": peak}


def ours(task: dict[str, Any], clock: Clock, path: Path, *, preset: str, precision: str) -> None:
    """Do some updates by the workflow's own loop, as a job of a study does."""
    import numpy as np

    from mrisynth.models.pacgan import Pacgan
    from mrisynth.models.pacgan_settings import AS_PUBLISHED
    from mrisynth.recipes import ModelRecipe
    from mrisynth.training.batches import Batches
    from mrisynth.training.device import prepare_device
    from mrisynth.training.loop import run_updates
    from mrisynth.training.schedule import Schedule

    prepare_device()
    levels = task["size"].bit_length() - 2
    settings = AS_PUBLISHED if preset == "as_published" else {}
    settings = settings | {"level_batch_sizes": [], "level_critic_steps": [task["critic_steps"]] * levels}
    updates = WARM_UP + task["iterations"]
    images = task["batch"] * task["critic_steps"]
    recipe = ModelRecipe(
        name="trial", family="pacgan", condition="group", size=task["size"], batch_size=task["batch"],
        precision=precision, images_total=images * updates, images_per_chunk=images * updates, dimensions=2,
        family_recipe=settings | {"first_level": task["size"]},
    )  # fmt: skip

    class Marking(Batches):
        """The batches of the workflow; the first of each update marks its start."""

        def __getitem__(self, number: int) -> Any:
            if number % task["critic_steps"] == 0:
                clock.mark(self.waited_seconds)
            return super().__getitem__(number)

    family = Pacgan()
    state = family.build(recipe, columns=(CLASSES,), seed=1, device=task["device"])
    packed = np.load(path, mmap_mode="r")
    batches = Marking(
        packed, rows=np.arange(len(packed)), labels=np.arange(len(packed)) % CLASSES, batch_size=recipe.batch_size,
        seed=1, model=recipe.name, device=task["device"],
    )  # fmt: skip
    list(run_updates(state, family, batches, schedule=Schedule(recipe, family), last_step=updates, seed=1))
    clock.mark(batches.waited_seconds)


def published(task: dict[str, Any], clock: Clock, path: Path) -> None:
    """Do some iterations of the published step with as many updates and images as ours has."""
    import numpy as np
    import published_slices

    packed = np.load(path)
    images = (packed.astype(np.float32) / 127.5 - 1)[:, None]
    workers = 4 if task["device"] == "cuda" else 0
    batches = published_slices.endless(images, np.arange(len(images)) % CLASSES, batch=task["batch"], workers=workers)
    training = published_slices.Pacgan(task["size"], classes=CLASSES, device=task["device"])
    waited = 0.0
    for _ in range(WARM_UP + task["iterations"]):
        clock.mark(waited)
        started = time.perf_counter()
        shown = [[part.to(task["device"]) for part in next(batches)] for _ in range(task["critic_steps"])]
        waited += time.perf_counter() - started
        training.step(shown)
    clock.mark(waited)


def packed_slices(size: int) -> Path:
    """Return a packed array of axial slices, uint8 [image, row, column], of the volumes that all benchmarks share."""
    import numpy as np

    path = SCRATCH / f"slices_{size}.npy"
    if not path.is_file():
        volumes = np.load(packed_volumes(size, _SCANS))
        middle = volumes[..., size // 4 : 3 * size // 4 : max(1, size // 32)]
        np.save(path, np.ascontiguousarray(middle.transpose(0, 3, 2, 1)[:, :, ::-1]).reshape(-1, size, size))
    return path


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=128, choices=(8, 16, 32, 64, 128, 256))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--critic-steps", type=int, default=2, help="for each of the generator's; published at 128: 2")
    parser.add_argument("--iterations", type=int, default=1, help="counted in each process")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each variant, in turn")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--variant", default="", help="only variants of ours whose name holds this")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
