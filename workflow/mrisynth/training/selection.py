"""The choice of weights at the end of a stage: those of its best epoch, by a score on validation images.

An epoch is as many images as there are training images. A stage that is judged has all its later epochs scored, keeps
a copy of the best, and goes back to that copy when it ends, so that the next stage, or the finished model, has it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mrisynth.errors import ConfigError
from mrisynth.models.interface import Batch, Family, JudgedFamily, State
from mrisynth.recipes import ModelRecipe
from mrisynth.seeds import derive_seed
from mrisynth.training.batches import as_images
from mrisynth.training.schedule import Place

_PARTS = ("networks", "averages", "optimisers")
_log = logging.getLogger(__name__)


class Selection:
    """Judges the epochs of a training's stages, and takes the best back at the end of each.

    Args:
        family: of the model.
        validation: all validation images.
        epoch_images: images of an epoch.
        seed: the study's seed.
    """

    def __init__(self, family: JudgedFamily, *, validation: Batch, epoch_images: int, seed: int) -> None:
        self._family, self._validation = family, validation
        self._epoch_images, self._seed = epoch_images, seed

    def after_update(self, state: State, place: Place) -> dict[str, Tensor]:
        """Look at the state just after the update at ``place``; return ``judged`` for the curve when it was judged."""
        losses: dict[str, Tensor] = {}
        if self._is_due(state, place):
            score = self._judged(state)
            losses["judged"] = torch.tensor(score)
            if state.best is None or score > state.best["score"]:
                state.best = {"score": score} | self._where(place) | _copied(state)
        if place.is_last and state.best is not None:
            _take_back(state, state.best)
            found = {key: value for key, value in state.best.items() if key not in _PARTS}
            _log.info(
                "stage %s ends as it was after epoch %d, score %.4f", found["stage"], found["epoch"], found["score"]
            )
            state.chosen.append(found)
            state.best = None
        return losses

    def _where(self, place: Place) -> dict[str, Any]:
        images = place.images_before + place.images
        return {
            "stage": place.stage.name,
            "epoch": images // self._epoch_images,
            "updates": place.updates_before + 1,
            "images": images,
        }

    def _is_due(self, state: State, place: Place) -> bool:
        """Return whether the update ended an epoch in the judged part of its stage, or the stage."""
        share = self._family.judged_from(state.recipe)
        if share is None:
            return False
        shown = place.images_before + place.images
        ends_epoch = shown // self._epoch_images > place.images_before // self._epoch_images
        return place.is_last or (ends_epoch and place.progress >= share)

    def _judged(self, state: State) -> float:
        generator = torch.Generator().manual_seed(derive_seed(self._seed, "judge", state.recipe.name))
        return float(self._family.judge(state, self._validation, generator=generator))


def judge_of(
    family: Family,
    recipe: ModelRecipe,
    *,
    images: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray] | None,
    epoch_images: int,
    device: str,
    seed: int,
) -> Selection | None:
    """Return what judges the stages of a model, or None where its family or its recipe does not want that.

    A model that is trained for the lengths that another has found has no images left to be judged by.

    Args:
        family: of the model.
        recipe: the model.
        images: uint8, as :class:`mrisynth.training.batches.Batches` has them.
        validation: rows of the validation split and their labels.
        epoch_images: images of an epoch.
        device: where the validation images go.
        seed: the study's seed.

    Raises:
        ConfigError: when stages are to be judged and the cohort has no validation split.
    """
    judged_from = getattr(family, "judged_from", None)
    if judged_from is None or judged_from(recipe) is None or recipe.retrain_of:
        return None
    if validation is None or not len(validation[0]):
        raise ConfigError(
            f"models.{recipe.name}: its levels are chosen by validation scans, and the cohort has none; set "
            "cohort.validation_fraction above 0, or recipe.select_from: null."
        )
    rows, labels = validation
    shown = as_images(torch.from_numpy(np.ascontiguousarray(images[rows]))).to(device)
    batch = Batch(images=shown, labels=torch.from_numpy(np.asarray(labels, dtype=np.int64)).to(device))
    return Selection(family, validation=batch, epoch_images=epoch_images, seed=seed)


def _copied(state: State) -> dict[str, Any]:
    return {part: {name: deepcopy(one.state_dict()) for name, one in getattr(state, part).items()} for part in _PARTS}


def _take_back(state: State, best: Mapping[str, Any]) -> None:
    for part in _PARTS:
        for name, one in getattr(state, part).items():
            one.load_state_dict(best[part][name])
