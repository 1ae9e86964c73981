"""How well the critic of a model names the class of the real slices of its study: scores, matrix, figure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mrisynth.files import read_json
from mrisynth.metrics.classification import classifier_measures, confusion_table, measure_scores
from mrisynth.metrics.table import score_table
from mrisynth.reporting.classification_figure import classification_figure
from mrisynth.slices.predictions import Predictions, read_predictions

TESTED = "test"
_BY_BATCH = "The published classifier: its answer for a slice depends on those that it is asked about together."


def score_predictions(path: Path, *, recipe: Path, picture: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw how well a critic told the test slices, and score that.

    Args:
        path: ``predictions.csv`` of :func:`mrisynth.slices.predictions.write_predictions`, slices of any split.
        recipe: recipe.json of the model.
        picture: receives ROC curve and confusion matrix of the test slices.
        seed: the study's seed.

    Returns:
        Scores in the form of :func:`mrisynth.metrics.table.score_table`, named ``classifier_auc`` and so on, and the
        confusion matrix: ``label`` (true) and one column a class.
    """
    facts, tested = read_json(recipe), _of_split(read_predictions(path), TESTED)
    name, classes = facts["model"]["name"], tested.classes
    answers = (tested.probabilities, tested.labels, tested.participants)
    measures = classifier_measures(*answers, classes=classes, seed=seed)
    title = f"Critic of {name}, {len(tested.table)} test slices"
    classification_figure(*answers, picture, classes=classes, seed=seed, title=title)
    scores = measure_scores(
        measures, prefix="classifier", model=name, source="model", features="critic",
        features_sha256=facts["critic_sha256"], features_trained=facts["trained"],
        view=f"slice {facts['model']['size']}", reference=TESTED, seed=seed,
        warning=_BY_BATCH if facts["model"]["family_recipe"].get("class_head") == "shared" else "",
    )  # fmt: skip
    confusion = confusion_table(tested.probabilities, tested.labels, classes=classes).reset_index()
    return score_table(scores), confusion


def _of_split(predictions: Predictions, split: str) -> Predictions:
    table = predictions.table
    return Predictions(table=table[table["split"] == split].reset_index(drop=True), classes=predictions.classes)
