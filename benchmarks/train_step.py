"""One training iteration of ours beside the published one: same updates, images an iteration, batch and networks.

Ours reads a packed uint8 array through the workflow's own batches and loop (guards, moving average and curve included),
in 32 bits and in bf16. The published step (``published_steps.py``) is float32, reads one pickled float32 volume a
sample, and follows its own order of updates. Each variant has a process of its own, in turn, so its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from measure import cpu_seconds, report
from trial import in_child, packed_volumes, peak_mib, pickled_volumes, recipe_of

WARM_UP = 1


@dataclass(frozen=True)
class Case:
    """A recipe of ours and the published training that it stands beside."""

    family: str
    preset: str
    published: str

    def recipe(self, task: dict[str, Any], *, precision: str) -> Any:
        """Return our recipe at the size and batch of a task."""
        options = {"size": task["size"], "batch": task["batch"], "precision": precision}
        return recipe_of(self.family, preset=self.preset, **options)


CASES = {
    "hagan, as published": Case("hagan", "as_published", "HaGan"),
    "hagan, as published (IXI)": Case("hagan", "as_published_ixi", "IxiHagan"),
    "wgp_hagan, as published": Case("wgp_hagan", "as_published", "WgpHagan"),
    "hagan, default": Case("hagan", "default", "HaGan"),
    "wgp_hagan, default": Case("wgp_hagan", "default", "WgpHagan"),
}
VARIANTS = ("published", "fp32", "bf16")


def main() -> None:
    """Measure every case at one size, or do one task that the main process set."""
    arguments = _arguments()
    if arguments.task:
        print(json.dumps(measured(json.loads(arguments.task))))
        return
    shared = {"device": arguments.device, "threads": arguments.threads}
    task = {"size": arguments.size, "batch": arguments.batch, "warm_up": WARM_UP, "iterations": arguments.iterations}
    if arguments.large:
        task |= {"size": 256, "batch": 1, "warm_up": 0, "iterations": 1, "case": "wgp_hagan, default"}
        report("train_step_large", compared(task | shared, ("published", "bf16"), rounds=1), **shared)
        return
    rows = []
    for case in [case for case in CASES if arguments.case in case]:
        rows += compared(task | shared | {"case": case}, VARIANTS, rounds=arguments.rounds)
    usual = arguments.device == "cpu" and arguments.size == 64
    report("train_step" if usual else f"train_step_{arguments.size}_{arguments.device}", rows, **shared)


def compared(task: dict[str, Any], variants: Sequence[str], *, rounds: int) -> list[dict[str, Any]]:
    """Return a row a variant: medians over the iterations of all its processes, and ratios to the published step."""
    in_child(__file__, {"prepare": task["size"], "device": task["device"]})
    runs: dict[str, list[dict[str, Any]]] = {variant: [] for variant in variants}
    for _ in range(rounds):
        for variant, results in runs.items():
            results.append(in_child(__file__, task | {"variant": variant}))
    rows: list[dict[str, Any]] = []
    for variant, results in runs.items():
        row = {"case": task["case"], "size": task["size"], "batch": task["batch"], "variant": variant}
        row |= {"updates": results[0]["updates"]}
        for key in ("s_per_iteration", "cpu_s_per_iteration", "stall_percent"):
            row[key] = statistics.median(value for result in results for value in result[key])
        row["images_per_s"] = results[0]["images"] / row["s_per_iteration"]
        row["peak_mib"] = statistics.median(result["peak_mib"] for result in results)
        base = rows[0] if rows else row
        row["cpu_ratio"] = base["cpu_s_per_iteration"] / row["cpu_s_per_iteration"]
        row["ratio"] = base["s_per_iteration"] / row["s_per_iteration"]
        row["memory"] = row["peak_mib"] / base["peak_mib"]
        rows.append(row)
    return rows


def measured(task: dict[str, Any]) -> dict[str, Any]:
    """Take the times of some iterations of one variant in this process, after one that is not counted."""
    if "prepare" in task:  # the volumes, so that no measured process makes them
        for signed in (True, False):
            pickled_volumes(task["prepare"], _count(task["prepare"], task["device"]), signed=signed)
        return {}
    import torch

    torch.set_num_threads(task["threads"])
    cuda = task["device"] == "cuda"
    clock = Clock(warm_up=task["warm_up"], wait=torch.cuda.synchronize if cuda else None)
    updates = task["warm_up"] + task["iterations"]
    facts = (published if task["variant"] == "published" else ours)(task, clock, updates=updates)
    peak = torch.cuda.max_memory_allocated() / 2**20 if cuda else peak_mib()
    return {**facts, **clock.iterations(), "peak_mib": peak}


class Clock:
    """Wall and CPU seconds at the start of every iteration, and the seconds waited for images until then."""

    def __init__(self, *, warm_up: int, wait: Callable[[], None] | None) -> None:
        self._warm_up, self._wait, self._marks = warm_up, wait, []

    def mark(self, waited: float) -> None:
        """Note the start of an iteration, or the end of the last."""
        if self._wait is not None:
            self._wait()
        self._marks.append((time.perf_counter(), cpu_seconds(), waited))

    def iterations(self) -> dict[str, list[float]]:
        """Return the seconds of each iteration, its CPU seconds and its share of waiting, without the warm-up."""
        apart = [[end - start for start, end in zip(*pair, strict=True)] for pair in pairwise(self._marks)]
        apart = apart[self._warm_up :]
        return {
            "s_per_iteration": [wall for wall, _, _ in apart],
            "cpu_s_per_iteration": [cpu for _, cpu, _ in apart],
            "stall_percent": [100 * waited / wall for wall, _, waited in apart],
        }


def ours(task: dict[str, Any], clock: Clock, *, updates: int) -> dict[str, Any]:
    """Do some updates by the workflow's own loop, as a job of a study does."""
    import numpy as np

    from mrisynth.models import family as family_named
    from mrisynth.training.batches import Batches
    from mrisynth.training.device import prepare_device
    from mrisynth.training.loop import run_updates
    from mrisynth.training.schedule import Schedule

    prepare_device()
    case = CASES[task["case"]]
    recipe = case.recipe(task, precision=task["variant"])
    family = family_named(recipe.family)
    per_update = family.batches_per_update(recipe, family.stages(recipe)[0])

    class Marking(Batches):
        """The batches of the workflow; the first of each update marks its start."""

        def __getitem__(self, number: int) -> Any:
            if number % per_update == 0:
                clock.mark(self.waited_seconds)
            return super().__getitem__(number)

    state = family.build(recipe, columns=(), seed=1, device=task["device"])
    images = np.load(packed_volumes(task["size"], _count(task["size"], task["device"])), mmap_mode="r")
    batches = Marking(
        images, rows=np.arange(len(images)), labels=np.full(len(images), -1), batch_size=recipe.batch_size, seed=1,
        model=recipe.name, device=task["device"],
    )  # fmt: skip
    list(run_updates(state, family, batches, schedule=Schedule(recipe, family), last_step=updates, seed=1))
    clock.mark(batches.waited_seconds)
    return {"images": recipe.batch_size * per_update, "updates": _updates_text(_updates(recipe))}


def published(task: dict[str, Any], clock: Clock, *, updates: int) -> dict[str, Any]:
    """Do some iterations of the published step with as many updates and images as ours has."""
    import published_steps
    import torch

    torch.set_float32_matmul_precision("high")  # as published; nothing on a CPU
    case = CASES[task["case"]]
    recipe = case.recipe(task, precision="fp32")
    counts = _updates(recipe)
    training = getattr(published_steps, case.published)(task["size"], device=task["device"])
    training.encoders = counts["encoders"]
    folder = pickled_volumes(
        task["size"], _count(task["size"], task["device"]), signed=case.published == "HaGan"
    )  # fmt: skip
    batches = endless(folder, batch=task["batch"], workers=4 if task["device"] == "cuda" else 0)
    options = {"generator_steps": counts["generator"]} if case.published == "WgpHagan" else {}
    waited = 0.0
    for _ in range(updates):
        clock.mark(waited)
        started = time.perf_counter()
        volumes = [next(batches).to(task["device"]) for _ in range(counts["critic"])]
        waited += time.perf_counter() - started
        training.step(volumes, **options)
    clock.mark(waited)
    return {"images": task["batch"] * counts["critic"], "updates": _updates_text(counts)}


def endless(folder: Path, *, batch: int, workers: int) -> Iterator[Any]:
    """Yield batches of pickled volumes for ever, float32 [batch, 1, x, y, z]."""
    import torch
    from torch.utils.data import DataLoader

    class Pickled(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.paths = sorted(folder.glob("*.pickle"))

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, row: int) -> Any:
            return torch.from_numpy(pickle.loads(self.paths[row].read_bytes())["image"])[None]  # noqa: S301 (our own)

    loader = DataLoader(
        Pickled(), batch_size=batch, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )
    while True:
        yield from loader


def _updates(recipe: Any) -> dict[str, Any]:
    """Return how often each network is updated in an iteration."""
    from mrisynth.models import family as family_named

    settings = family_named(recipe.family).settings(recipe)
    return {
        "critic": settings.critic_steps,
        "generator": settings.generator_steps,
        "encoders": settings.encoders != "none",
    }


def _updates_text(updates: dict[str, Any]) -> str:
    return f"{updates['critic']} D, {updates['generator']} G" + (", 1 E^H, 1 E^G" if updates["encoders"] else "")


def _count(size: int, device: str) -> int:
    return 8 if size < 256 or device == "cuda" else 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64, choices=(64, 128, 256))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=3, help="counted in each process")
    parser.add_argument("--rounds", type=int, default=1, help="processes of each variant, in turn")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--case", default="", help="only cases whose name holds this")
    parser.add_argument("--large", action="store_true", help="instead one iteration of wgp_hagan at 256 cubed, batch 1")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
