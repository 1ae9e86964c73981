"""The training loop: knows families only by their interface, and keeps no random state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import torch

from mrisynth.models.interface import Family, State
from mrisynth.progress import Progress
from mrisynth.seeds import derive_seed
from mrisynth.training.augmentation import adapted, strength_at
from mrisynth.training.batches import Batches
from mrisynth.training.ema import decay_per_update, update_average
from mrisynth.training.guard import Guard
from mrisynth.training.schedule import Place, Schedule

_CURVE_ROWS = 300


class Watcher(Protocol):
    """What looks on: :class:`mrisynth.training.watch.Watch`."""

    def row(self, state: State, row: dict[str, float]) -> dict[str, float]:
        """Return further columns for a row of the loss curve."""
        ...


class Judge(Protocol):
    """What chooses the weights that a stage ends with: :class:`mrisynth.training.selection.Selection`."""

    def after_update(self, state: State, place: Place) -> dict[str, torch.Tensor]:
        """Look at the state just after an update, and change it at the end of a stage; return more losses."""
        ...


def run_updates(
    state: State, family: Family, batches: Batches, *, schedule: Schedule, last_step: int, seed: int,
    watch: Watcher | None = None, judge: Judge | None = None, stop: Callable[[], bool] = lambda: False,
    recent: list[dict[str, torch.Tensor]] | None = None,
) -> Iterator[dict[str, float]]:  # fmt: skip
    """Update the state until ``last_step`` updates are done; yield a row of the loss curve now and then.

    Every random draw of update k comes from a generator seeded by the model's name and k, so a chain that stops
    and goes on draws the same numbers as one that does not.

    Args:
        state: of the training; it is changed.
        family: of the model.
        batches: of the training.
        schedule: of the training.
        last_step: updates after which it ends.
        seed: the study's seed.
        watch: what looks on.
        judge: what chooses the weights that stages end with; None keeps the last.
        stop: asked before every update whether to end here.
        recent: losses of the updates since the last row; kept up to date, so that a row can be finished later.

    Raises:
        MrisynthError: when the first 3 updates were not finite, or too many in a row after too many rollbacks.
    """
    recipe = state.recipe
    steps_per_row = max(1, schedule.total // _CURVE_ROWS)
    progress = Progress(f"training {recipe.name}", last_step - state.step)
    guard = Guard(state)
    recent = [] if recent is None else recent
    started, waited = time.monotonic(), batches.waited_seconds
    note = ""
    while state.step < last_step and not stop():
        place = schedule.place(state.step)
        if place.updates_before == 0 and hasattr(family, "enter_stage"):
            family.enter_stage(state, place.stage, batches, first=place.batches.start)
            guard = Guard(state)  # weights from before the stage are no way back
        images_before = schedule.images_at(state.step)
        recent.append(_one_update(state, family, batches, place=place, images_before=images_before, seed=seed))
        guard.after_update(state)
        if judge is not None:
            recent[-1] |= judge.after_update(state, place)
        if state.step % steps_per_row == 0 or state.step == last_step:
            row = _curve_row(recent, step=state.step, images_seen=schedule.images_at(state.step))
            row |= {"seconds": round(time.monotonic() - started, 3), "skipped": state.skipped}
            row |= {"waited_seconds": round(batches.waited_seconds - waited, 3), "rollbacks": state.rollbacks}
            row |= watch.row(state, row) if watch is not None else {}
            yield row
            note = ", ".join(f"{name} {value:.3g}" for name, value in row.items() if name.startswith(("gen", "cri")))
            recent.clear()
            started, waited = time.monotonic(), batches.waited_seconds
        progress.advance(note=note)


def _one_update(
    state: State, family: Family, batches: Batches, *, place: Place, images_before: int, seed: int
) -> dict[str, torch.Tensor]:
    recipe, step = state.recipe, state.step
    shown = [batches[number] for number in place.batches]
    if recipe.augmentation != "adaptive":
        state.augmentation = strength_at(
            recipe.augmentation,
            most=recipe.augmentation_strength,
            images_seen=images_before,
            ramp_images=recipe.augmentation_images,
        )
    generator = torch.Generator().manual_seed(derive_seed(seed, "train", recipe.name, "step", step))
    losses = family.update(state, shown, stage=place.stage, step=step, progress=place.progress, generator=generator)
    signs = [losses.pop(name) for name in list(losses) if name.startswith("sign_")]
    state.step += 1
    skipped = float(losses.pop("skipped")) > 0
    state.skipped += skipped
    state.skipped_in_a_row = state.skipped_in_a_row + 1 if skipped else 0
    if recipe.augmentation == "adaptive" and signs and not skipped:
        state.augmentation = adapted(
            state.augmentation,
            sign=float(torch.stack(signs).mean()),
            images=place.images,
            images_to_full=recipe.augmentation_images,
            most=recipe.augmentation_strength,
        )
    decay = decay_per_update(
        place.images, images_seen=images_before + place.images, half_life_images=recipe.ema_half_life_images
    )
    for name, average in state.averages.items():
        update_average(average, state.networks[name], decay=decay)
    return losses | {"augmentation": torch.tensor(state.augmentation)}


def _curve_row(recent: list[dict[str, torch.Tensor]], *, step: int, images_seen: int) -> dict[str, float]:
    row: dict[str, float] = {"step": step, "images_seen": images_seen}
    for name in dict.fromkeys(name for losses in recent for name in losses):
        values = torch.stack([losses[name].float() for losses in recent if name in losses])
        finite = values[torch.isfinite(values)]
        row[name] = float(finite.mean()) if len(finite) else float("nan")
    return row
