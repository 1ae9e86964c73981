"""Small trainings that several tests of the training use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.state_digest import state_digest

from mrisynth.models.interface import State
from mrisynth.recipes import ModelRecipe
from mrisynth.training.chunk import ChunkFiles, train_chunk

torch.set_num_threads(1)  # sums over two are rounded otherwise, and a test alone is to be the test among all

SMALL = {"width": 8, "latent": 8}
CLASSES = {"diagnosis": ["control", "atrophy"]}


@pytest.fixture(scope="session")
def small_recipe() -> Callable[..., ModelRecipe]:
    """Recipes of models at 32 cubed; settings of the family are added to the smallest ones."""

    def recipe(family: str = "wgp_hagan", *, settings: dict | None = None, **changes) -> ModelRecipe:
        base = ModelRecipe(
            name="model", family=family, condition="diagnosis", size=32, images_total=12, images_per_chunk=6,
            batch_size=2, ema_half_life_images=8, family_recipe=SMALL | (settings or {}),
        )  # fmt: skip
        return replace(base, **changes)

    return recipe


@pytest.fixture(scope="session")
def train() -> Callable[..., State]:
    """Trains one chunk on four of five noisy volumes: ``state-{chunk}.pt`` and ``curve-{chunk}.tsv`` in a folder."""
    volumes = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 32), dtype=np.uint8)

    def run(folder: Path, recipe: ModelRecipe, *, chunk: int = 0, previous: Path | None = None, **changes) -> State:
        folder.mkdir(exist_ok=True)
        files = {"state": folder / f"state-{chunk}.pt", "curve": folder / f"curve-{chunk}.tsv", "previous": previous}
        files |= {name: changes.pop(name) for name in ("start", "candidate", "watch", "stopped") if name in changes}
        columns = changes.pop("columns", CLASSES)
        classes = [""]
        for words in columns.values():
            classes = [f"{one} {word}".strip() for one in classes for word in words]
        settings = {"images": volumes, "rows": np.array([0, 1, 3, 4]), "labels": np.array([0, 1, -1, 1]), "seed": 1}
        return train_chunk(
            recipe, files=ChunkFiles(**files), chunk=chunk, device="cpu", threads=1, columns=columns,
            classes=classes if columns else [], **(settings | changes),
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def digest() -> Callable[[Path], str]:
    """The SHA-256 of every tensor and number of a state."""
    return state_digest
