"""The critic of a PACGAN as a classifier of slices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mrisynth.conditions import read_condition
from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of
from mrisynth.model_facts import read_facts
from mrisynth.models import family as family_named
from mrisynth.recipes import ModelRecipe
from mrisynth.slice_tables import per_image
from mrisynth.slices.predictions import write_predictions
from mrisynth.slices.slice_set import open_slices
from mrisynth.training.batches import as_images
from mrisynth.training.export import CRITIC, RECIPE
from mrisynth.weights_file import fill, read_weights

_TOGETHER = 32


class SliceClassifier:
    """Tells the class of slices; made by :meth:`load`.

    Attributes:
        facts: content of recipe.json.
        recipe: recipe of the model.
        classes: names of the classes.
    """

    def __init__(self, critic: nn.Module, facts: Mapping[str, Any], *, device: str) -> None:
        self.facts = facts
        self.recipe = ModelRecipe(**facts["model"])
        self.classes: list[str] = facts["classes"]
        self._family = family_named(self.recipe.family)
        self._critic = critic.to(device).eval().requires_grad_(requires_grad=False)
        self._device = device

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> SliceClassifier:
        """Load ``critic.safetensors`` and ``recipe.json`` of a model's folder.

        Raises:
            MrisynthError: when the model is no classifier, or a file is missing or not the one that the recipe names.
        """
        folder = Path(folder)
        facts = read_facts(folder / RECIPE)
        if "critic_sha256" not in facts:
            raise MrisynthError(f"{folder}: this model classifies nothing; a pacgan with a condition does.")
        path = folder / CRITIC
        if not path.is_file() or sha256_of(path) != facts["critic_sha256"]:
            raise MrisynthError(f"{path} is missing or not the file that {RECIPE} names (sha256); export it again.")
        recipe = ModelRecipe(**facts["model"])
        sizes = [len(column["categories"]) for column in facts["columns"]]
        critic = family_named(recipe.family).network("critic", recipe, columns=sizes, seed=facts["seed"])
        weights = read_weights(path)
        fill(critic, {name.removeprefix("critic."): part for name, part in weights.items()}, source=path)
        return cls(critic, facts, device=device)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the probability of each class, float64 [n, classes].

        The answer for an image depends on no other (with the published ``class_head: shared`` it does).

        Args:
            images: uint8 [n, row, column], or in colour with a last axis of channels, row 0 at the top; read 32 at a
                time, so they may be memory-mapped.

        Raises:
            MrisynthError: the images have another size or number of channels than those of the training.
        """
        found = [self._of(images[start : start + _TOGETHER]) for start in range(0, len(images), _TOGETHER)]
        return np.concatenate(found) if found else np.empty((0, len(self.classes)))

    @torch.inference_mode()
    def _of(self, images: np.ndarray) -> np.ndarray:
        shown = as_images(torch.from_numpy(np.array(images)))
        if shown.shape[1:] != self.recipe.image_shape:
            raise MrisynthError(
                f"Found images of shape {tuple(shown.shape[1:])} (channels, rows, columns); {self.recipe.name} was "
                f"trained on {self.recipe.image_shape}."
            )
        logits = self._family.classify(self._critic, shown.to(self._device))
        return logits.double().softmax(dim=1).cpu().numpy()


def classify_real_slices(classifier: SliceClassifier, *, slices: Path, condition: Path, predictions: Path) -> None:
    """Write what a classifier says of every real slice of a study, with the class that it is known to have.

    Args:
        classifier: of a model of the study.
        slices: folder of the packed slices.
        condition: table of the model's condition, which has the true classes, by scan.
        predictions: receives the table of :func:`mrisynth.slices.predictions.write_predictions`, slices of all splits.
    """
    opened = open_slices(slices, classifier.recipe.size)
    told = per_image(read_condition(condition).table, opened.index)
    known = opened.index.assign(label=told["label_name"].where(told["label"] >= 0).to_numpy())
    write_predictions(predictions, known, classifier.probabilities(opened.images), classes=classifier.classes)
