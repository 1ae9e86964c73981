"""One chunk of a training: state in, state out, its part of the loss curve, and a model that could be kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mrisynth.covariates.rows import CovariateRows
from mrisynth.errors import MrisynthError
from mrisynth.files import write_table
from mrisynth.models import family as family_named
from mrisynth.models.interface import Family, State
from mrisynth.recipes import ModelRecipe
from mrisynth.seeds import numpy_generator
from mrisynth.text.encoding import PromptEncoding
from mrisynth.text.prompt_rows import PromptRows
from mrisynth.text_wishes import drawn_prompts
from mrisynth.training.batches import Batches
from mrisynth.training.export import export_model
from mrisynth.training.loop import Judge, run_updates
from mrisynth.training.preview import SAMPLES
from mrisynth.training.schedule import Schedule
from mrisynth.training.selection import judge_of
from mrisynth.training.start import start_from
from mrisynth.training.state import load_state, recipe_fingerprint, save_state
from mrisynth.training.stopping import Progress, StopRequest, go_on, keep, stopped_error
from mrisynth.training.team import Team
from mrisynth.training.watch import Watch

_REALS_WATCHED = 16
SPEED = "speed.tsv"
SPEED_COLUMNS = ("seconds", "waited_seconds", "images_per_second", "memory_gb")


@dataclass(frozen=True, kw_only=True)
class ChunkFiles:
    """What a chunk reads and writes.

    Attributes:
        previous: state that the chunk before left; None for the first.
        start: state or weights of another model that the first chunk starts from; None for random weights.
        state: where the new state goes.
        curve: where the loss curve goes (step, images_seen, losses, skipped ...).
        candidate: folder for the averaged model at the end of the chunk; None for none.
        watch: folder for grids of samples, events, the health table and ``speed.tsv``; None for none.
        stopped: where a chunk that is told to stop keeps what it has done, and looks for it; None for nowhere.
    """

    state: Path
    curve: Path
    previous: Path | None = None
    start: Path | None = None
    candidate: Path | None = None
    watch: Path | None = None
    stopped: Path | None = None


def train_chunk(
    recipe: ModelRecipe,
    *,
    images: np.ndarray,
    rows: np.ndarray,
    labels: np.ndarray,
    columns: Mapping[str, Sequence[str]],
    classes: Sequence[str],
    files: ChunkFiles,
    chunk: int,
    seed: int,
    device: str,
    threads: int,
    facts: Mapping[str, Any] | None = None,
    images_planned: int | None = None,
    team: Team | None = None,
    weights: np.ndarray | None = None,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    lengths: Mapping[str, int] | None = None,
    covariates: CovariateRows | None = None,
    text: PromptRows | None = None,
    masks: np.ndarray | None = None,
) -> State:
    """Train one chunk of a model, write its files and return its state.

    With equal threads on a CPU, a chain of chunks ends in the same bits however it is cut or interrupted.

    Args:
        recipe: the model.
        images: uint8 [scan, x, y, z], slices [image, row, column] or in colour with a last axis of channels; 0 .. 255,
            background 0.
        rows: rows of ``images`` in the training split.
        labels: class numbers aligned with ``rows``; below 0 is missing. Of covariates and of prompts their rows.
        columns: condition columns and their categories; empty for an unconditional model.
        classes: names of the joint classes; empty for an unconditional model.
        files: what is read and written.
        chunk: number of the chunk, from 0.
        seed: the study's seed.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads.
        facts: what recipe.json of the candidate says besides; see :func:`mrisynth.training.export.export_model`.
        images_planned: images of the whole training, where the recipe ends with the chunk; for those who watch.
        team: the processes that share every batch; only the first writes.
        validation: rows of ``images`` in the validation split and their labels, for families that judge their stages.
        lengths: updates of stages by name, where another training has found out how many are best.
        weights: aligned with ``rows``: how often each image is shown beside the others; None for all alike.
        covariates: of a condition of covariates what it knows, whose models fill the gaps of every batch.
        text: of a condition of prompts what it knows.
        masks: under ``images``, what training may see of them; 255 throughout where it may see nothing.

    Raises:
        MrisynthError: for images of another size, labels outside the classes, a previous state that is missing, torn,
            of another recipe or of another place in the chain, or a training that is not finite.
        TrainingStoppedError: when the process was told to stop (SIGTERM, SIGUSR1); ``files.stopped`` keeps its work.
    """
    team = team or Team()
    torch.set_num_threads(threads)
    _check_images(recipe, images, labels, classes)
    _check_masks(recipe, images, masks)
    family = family_named(recipe.family)
    fingerprint = recipe_fingerprint(recipe, classes=classes, seed=seed)
    words = PromptEncoding(text) if text else None
    told = words or covariates
    sizes = told.columns if told else [len(categories) for categories in columns.values()]
    current = family.build(recipe, columns=sizes, seed=seed, device=device)
    current.stepper.team = team
    current.lengths = dict(lengths or {})
    schedule = Schedule(recipe, family, lengths=current.lengths)
    if files.previous is not None:
        load_state(current, files.previous, fingerprint=fingerprint, device=device)
    elif files.start is not None:
        start_from(current, files.start)
    _check_place(recipe, current, files.previous, chunk=chunk, expected=schedule.first_step(chunk))
    if recipe.compiled:  # the critics stay as they are: their penalties need second derivatives
        for name in family.exported(recipe):
            if not name.startswith("critic"):
                current.networks[name].compile()
    batches = Batches(
        images, rows=rows, labels=labels, batch_size=recipe.batch_size, seed=seed, model=recipe.name, device=device,
        balanced=recipe.balance_classes, weights=weights, complete=covariates.complete if covariates else None,
        masks=masks,
    )  # fmt: skip
    last_step = schedule.first_step(chunk + 1)
    watch = None
    if files.watch is not None and team.rank == 0:
        whole = replace(recipe, images_total=images_planned or recipe.images_total)
        watch = Watch(
            whole, family=family, classes=len(classes), reals=images[rows[:_REALS_WATCHED]], folder=files.watch,
            seed=seed, updates_total=Schedule(whole, family, lengths=current.lengths).total,
            every_images=recipe.watch_every_images or recipe.images_per_chunk,
            asked=words.rows(drawn_prompts(text, SAMPLES, seed=seed)) if words
            else _asked(covariates, seed=seed, model=recipe.name) if covariates else None,
        )  # fmt: skip
    judge = judge_of(family, recipe, images=images, validation=validation, epoch_images=len(rows), device=device,
                     seed=seed)  # fmt: skip
    curve = _updates(current, family, batches, files, watch=watch, fingerprint=fingerprint, device=device, seed=seed,
                     chunk=chunk, last_step=last_step, schedule=schedule, judge=judge)  # fmt: skip
    if team.rank == 0:
        if watch is not None:
            watch.close()
        if files.candidate is not None:
            export_model(current, classes=classes, columns=columns, folder=files.candidate, seed=seed,
                         covariates=covariates.to_dict() if covariates else None,
                         text=text.to_dict() if text else None, **(facts or {}))  # fmt: skip
        _write_curve(pd.DataFrame(curve), files)
        save_state(current, files.state, fingerprint=fingerprint)
        if files.stopped is not None:
            files.stopped.unlink(missing_ok=True)
    team.wait()
    return current


def _updates(
    state: State, family: Family, batches: Batches, files: ChunkFiles, *, watch: Watch | None, fingerprint: str,
    device: str, seed: int, chunk: int, last_step: int, schedule: Schedule, judge: Judge | None,
) -> list[dict[str, float]]:  # fmt: skip
    """Do the updates of a chunk that are not done yet; return its loss curve.

    Raises:
        TrainingStoppedError: when the process was told to stop; then what it has done is kept.
    """
    team, progress = state.stepper.team, Progress()
    if files.stopped is not None and files.stopped.is_file():
        steps = range(state.step, last_step)
        progress = go_on(files.stopped, state, watch=watch, steps=steps, fingerprint=fingerprint, device=device)
    with StopRequest() as request:
        progress.curve += run_updates(
            state, family, batches, schedule=schedule, last_step=last_step, seed=seed, watch=watch, judge=judge,
            recent=progress.recent,
            stop=(lambda: False) if files.stopped is None else lambda: team.any(request.signal is not None),
        )  # fmt: skip
        if state.step < last_step and files.stopped is not None:
            if team.rank == 0:
                keep(files.stopped, state, progress, watch=watch, fingerprint=fingerprint)
            team.wait()
            raise stopped_error(
                state.recipe, path=files.stopped, chunk=chunk, step=state.step, last_step=last_step, by=request.signal
            )
    return progress.curve


def _write_curve(curve: pd.DataFrame, files: ChunkFiles) -> None:
    """Write the curve, and apart from it what would differ in another run of the same."""
    speed = [name for name in SPEED_COLUMNS if name in curve]
    if files.watch is not None:
        write_table(curve[["step", "images_seen", *speed]], files.watch / SPEED)
    write_table(curve.drop(columns=speed), files.curve)


def _check_images(recipe: ModelRecipe, images: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> None:
    if images.shape[1:] != recipe.packed_shape or images.dtype != np.uint8:
        raise MrisynthError(
            f"Model {recipe.name}: found images {images.dtype} {list(images.shape[1:])}, expected uint8 "
            f"{list(recipe.packed_shape)}; give it the packed images of size {recipe.size}."
        )
    labels = np.asarray(labels)
    labels = labels if labels.ndim == 1 else labels[:, 0]
    if labels.size and labels.max() >= max(len(classes), 1):
        raise MrisynthError(
            f"Model {recipe.name}: found labels {labels.min()} .. {labels.max()}, expected at most {len(classes) - 1} "
            f"(below 0 is missing); make condition {recipe.condition} again."
        )


def _check_masks(recipe: ModelRecipe, images: np.ndarray, masks: np.ndarray | None) -> None:
    expected = (len(images), *recipe.image_shape[1:])
    if masks is not None and (masks.shape != expected or masks.dtype != np.uint8):
        raise MrisynthError(
            f"Model {recipe.name}: found masks {masks.dtype} {list(masks.shape)}, expected uint8 {list(expected)}, one "
            "of each packed image; delete them and rerun."
        )


def _asked(covariates: CovariateRows, *, seed: int, model: str) -> np.ndarray:
    """Return what the samples of the grids are told, rows [8, columns]: sources in turn, all else drawn."""
    rows = np.full((SAMPLES, 1 + len(covariates.covariates)), np.nan)
    rows[:, 0] = np.arange(SAMPLES) % len(covariates.sources)
    return covariates.complete(rows, numpy_generator(seed, "preview", model))


def _check_place(recipe: ModelRecipe, state: State, previous: Path | None, *, chunk: int, expected: int) -> None:
    if (previous is None) != (chunk == 0):
        raise MrisynthError(
            f"Model {recipe.name}, chunk {chunk}: chunk 0 starts without a previous state, every later chunk needs one."
        )
    if state.step != expected:
        raise MrisynthError(
            f"{previous}: this state has done {state.step} updates, but chunk {chunk} of {recipe.name} begins after "
            f"{expected}; images_per_chunk was changed or a chunk is out of order, so delete the later states."
        )
