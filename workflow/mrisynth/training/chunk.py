"""One chunk of a training: state in, state out, and its part of the loss curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mrisynth.errors import MrisynthError
from mrisynth.files import write_table
from mrisynth.models import family as family_named
from mrisynth.models.interface import State
from mrisynth.recipes import ModelRecipe
from mrisynth.training.batches import Batches
from mrisynth.training.loop import first_step, run_updates
from mrisynth.training.state import load_state, recipe_fingerprint, save_state


def train_chunk(
    recipe: ModelRecipe,
    *,
    images: np.ndarray,
    rows: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    previous: Path | None,
    state: Path,
    curve: Path,
    chunk: int,
    seed: int,
    device: str,
    threads: int,
) -> None:
    """Train one chunk of a model and write its state and its rows of the loss curve.

    With equal threads on a CPU, a chain of chunks ends in the same bits however it is cut or interrupted.

    Args:
        recipe: the model.
        images: uint8 [scan, x, y, z], 0 .. 255, background 0.
        rows: rows of ``images`` in the training split.
        labels: class numbers aligned with ``rows``; -1 is missing.
        classes: names of the condition's classes; empty for an unconditional model.
        previous: state that the chunk before left; None for chunk 0.
        state: where the new state goes.
        curve: where the loss curve goes (step, images_seen, losses, seconds, skipped).
        chunk: number of the chunk, from 0.
        seed: the study's seed.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads.

    Raises:
        MrisynthError: for images of another size, labels outside the classes, a previous state that is missing, torn,
            of another recipe or of another place in the chain, or a training that is not finite.
    """
    torch.set_num_threads(threads)
    _check_images(recipe, images, labels, classes)
    family = family_named(recipe.family)
    fingerprint = recipe_fingerprint(recipe, classes=classes, seed=seed)
    current = family.build(recipe, classes=len(classes), seed=seed, device=device)
    if previous is not None:
        load_state(current, previous, fingerprint=fingerprint, device=device)
    _check_place(recipe, current, previous, chunk=chunk, expected=first_step(recipe, family, chunk=chunk))
    batches = Batches(
        images, rows=rows, labels=labels, batch_size=recipe.batch_size, seed=seed, model=recipe.name, device=device
    )
    last_step = first_step(recipe, family, chunk=chunk + 1)
    curve_rows = list(run_updates(current, family, batches, last_step=last_step, seed=seed))
    write_table(pd.DataFrame(curve_rows), curve)
    save_state(current, state, fingerprint=fingerprint)


def _check_images(recipe: ModelRecipe, images: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> None:
    expected = (recipe.size,) * 3
    if images.shape[1:] != expected or images.dtype != np.uint8:
        raise MrisynthError(
            f"Model {recipe.name}: found images {images.dtype} {list(images.shape[1:])}, expected uint8 "
            f"{list(expected)}; give it the pyramid of size {recipe.size}."
        )
    labels = np.asarray(labels)
    if labels.size and (labels.max() >= max(len(classes), 1) or labels.min() < -1):
        raise MrisynthError(
            f"Model {recipe.name}: found labels {labels.min()} .. {labels.max()}, expected -1 (missing) to "
            f"{len(classes) - 1}; make condition {recipe.condition} again."
        )


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
