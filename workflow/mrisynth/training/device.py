"""Where a model trains and how long that takes, told before the training starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch

from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.models import family as family_named
from mrisynth.recipes import ModelRecipe
from mrisynth.training.counting import (
    blank_batches,
    count_update,
    first_state,
    last_stage_updates,
    share_of_one_device,
    update_blank,
)
from mrisynth.training.freed_memory import keep_freed_memory
from mrisynth.training.kernels import KernelReport, check_kernels
from mrisynth.training.schedule import Schedule

_HOURS_WITHOUT_ASKING = 1.0
_PROBE_SECONDS = 6.0
_SHORTEST_PROBE_SECONDS = 0.3  # updates are repeated until they took as long
_PROBE_SIZES = (32, 64, 128)
_POINTS = 3  # probes that are always timed, so that the last two differ in size where sizes are left
_RUNS = 3  # one warms up, at least two are timed
_PUBLISHED_WIDTH = 64
_TEST_SECONDS = {"cpu": 10.0, "cuda": 60.0}


def prepare_device() -> str:
    """Return ``cuda`` when a GPU can be used, else ``cpu``; on a CPU, keep freed memory in this process from now on."""
    if torch.cuda.is_available():
        return "cuda"
    keep_freed_memory()
    return "cpu"


def count_update_flops(recipe: ModelRecipe, *, classes: int) -> int:
    """Return the floating-point operations of one update, counted on tensors without values."""
    return count_update(recipe, classes=classes).flops


def seconds_per_update(
    recipe: ModelRecipe,
    device: str,
    *,
    classes: int,
    seconds: float = _PROBE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> float:
    """Return how long one update of the last stage takes on this device, with the present CPU threads, by doing some.

    The recipe itself is timed where that fits into ``seconds``, as on a GPU. Otherwise smaller cubes and batches in
    rising order as far as that fits, and the time of the largest is continued along the line through the last two:
    seconds against operations counted, since an update also takes time that does not grow with the images.

    Args:
        recipe: the model.
        device: ``cpu`` or ``cuda``.
        classes: number of condition classes.
        seconds: about how long the probes may take in all, the first three excepted.
        clock: tells seconds.
    """
    flops_of_recipe = count_update_flops(recipe, classes=classes)
    timed: list[tuple[int, float]] = []  # operations, seconds
    began = clock()
    for probe in _probes(recipe):
        flops = flops_of_recipe if probe == recipe else count_update_flops(probe, classes=classes)
        if len(timed) >= _POINTS and clock() - began + _RUNS * _continued(timed, flops) > seconds:
            continue
        try:
            timed.append((flops, _timed_update(probe, device, classes=classes, clock=clock)))
        except (MrisynthError, torch.OutOfMemoryError):
            if not timed:
                raise
            break  # the smaller ones say enough
    return _continued(timed, flops_of_recipe)


def estimate_hours(recipe: ModelRecipe, device: str, *, classes: int) -> float:
    """Return about how many hours the whole training takes on this machine with the present CPU threads.

    Several GPUs each do a share of an update, and their exchange of gradients is left out; processes on one CPU share
    its cores and are taken to do all of it.
    """
    updates = last_stage_updates(recipe, classes=classes)
    timed = share_of_one_device(recipe) if device == "cuda" else recipe
    return updates * seconds_per_update(timed, device, classes=classes) / 3600


def plan_training(recipe: ModelRecipe, *, classes: int, allow_cpu: bool, threads: int | None = None) -> dict[str, Any]:
    """Choose the device, estimate the training and test the kernels that it will use.

    Args:
        recipe: the model.
        classes: number of condition classes.
        allow_cpu: train on a CPU however long it takes.
        threads: CPU threads that the training will have; by default those of this process.

    Returns:
        ``device``, ``hours`` (of the whole chain), ``updates``, ``images_per_update`` and ``flops_per_update``
        of the last stage, ``kernels`` (see :class:`mrisynth.training.kernels.KernelReport`).

    Raises:
        MrisynthError: when there is no GPU, the training would take more than an hour and ``allow_cpu`` is not set;
            or when the device computes wrongly in bf16.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    device = prepare_device()
    schedule = Schedule(recipe, family_named(recipe.family))
    hours = estimate_hours(recipe, device, classes=classes)
    if device == "cpu" and hours > _HOURS_WITHOUT_ASKING and not allow_cpu:
        raise MrisynthError(
            f"models.{recipe.name}: no GPU was found, and training {recipe.images_total} images at size {recipe.size} "
            f"would take about {hours:,.0f} hours on this CPU ({torch.get_num_threads()} threads); run it where there "
            "is a GPU, or set allow_cpu: true."
        )
    return {
        "device": device,
        "hours": hours,
        "updates": schedule.total,
        "images_per_update": schedule.place(schedule.total - 1).images,
        "flops_per_update": count_update_flops(recipe, classes=classes),
        "kernels": _tested_kernels(recipe, device),
    }


def _tested_kernels(recipe: ModelRecipe, device: str) -> dict[str, Any]:
    if recipe.dimensions == 2:  # none of the layers that are tested
        return asdict(KernelReport(device=device, precision=recipe.precision))
    try:
        report = check_kernels(
            device,
            precision=recipe.precision,
            size=recipe.size,
            width=recipe.family_recipe.get("width", _PUBLISHED_WIDTH),
            batch_size=recipe.batch_size,
            seconds=_TEST_SECONDS[device],
        )
    except MrisynthError as error:
        raise MrisynthError(f"models.{recipe.name}: {error}") from error
    return asdict(report)


def _probes(recipe: ModelRecipe) -> list[ModelRecipe]:
    """Return parts of the recipe's work in rising order that its family can do, the recipe itself at the end."""
    sizes = [*(size for size in _PROBE_SIZES if size < recipe.size), recipe.size]
    batches = dict.fromkeys((min(2, recipe.batch_size), recipe.batch_size))  # one image alone is oddly slow
    parts = [replace(recipe, size=size, batch_size=batch_size) for size in sizes for batch_size in batches]
    return [part for part in parts if part.size == recipe.size or _is_possible(part)]


def _is_possible(recipe: ModelRecipe) -> bool:
    try:
        family_named(recipe.family).stages(recipe)
    except ConfigError:
        return False
    return True


def _continued(timed: list[tuple[int, float]], flops: int) -> float:
    """Return the seconds of ``flops`` operations on the line through the last two points, or through 0 and the one.

    The line rises at least half as steeply as that through 0, and at most as steeply, whatever noise says.
    """
    last_flops, last_seconds = timed[-1]
    steepest = last_seconds / last_flops
    slope = steepest
    if len(timed) > 1 and last_flops > timed[-2][0]:
        slope = (last_seconds - timed[-2][1]) / (last_flops - timed[-2][0])
    return last_seconds + (flops - last_flops) * min(max(slope, 0.5 * steepest), steepest)


def _timed_update(recipe: ModelRecipe, device: str, *, classes: int, clock: Callable[[], float]) -> float:
    """Return the seconds of the fastest of some updates."""
    family = family_named(recipe.family)
    state = first_state(recipe, family, classes=classes, device=device)
    batches = blank_batches(recipe, family, device=device)
    times: list[float] = []
    while len(times) < _RUNS or sum(times[1:]) < _SHORTEST_PROBE_SECONDS:
        started = clock()
        update_blank(family, state, batches, step=len(times))
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - started)
    return min(times[1:])  # the first warms up; work beside it only ever makes an update longer
