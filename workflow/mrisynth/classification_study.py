"""How well the critic of a model names the class of the real slices of its study: scores, matrix, figure."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from mrisynth.files import read_json, write_json
from mrisynth.metrics.calibration import Calibration, calibrate
from mrisynth.metrics.classification import Measure, classifier_measures, confusion_table, measure_scores
from mrisynth.metrics.table import MISSING, score_table
from mrisynth.reporting.classification_figure import classification_figure
from mrisynth.slices.predictions import Predictions, read_predictions

TESTED, CALIBRATED_WITH = "test", "validation"
_BY_BATCH = "The published classifier: its answer for a slice depends on those that it is asked about together."


_DECISIONS = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
_TRAINED_ON = "Not computed: the model was trained on the validation scans too."
_NOBODY = "Not computed: a class has no validation scan."


def score_predictions(
    path: Path, *, recipe: Path, picture: Path, calibration: Path, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw how well a critic told the test slices, and score that, as it answers and calibrated by validation slices.

    Args:
        path: ``predictions.csv`` of :func:`mrisynth.slices.predictions.write_predictions`, slices of any split.
        recipe: recipe.json of the model.
        picture: receives ROC curve and confusion matrix of the test slices.
        calibration: receives the fields of a :class:`mrisynth.metrics.calibration.Calibration` as JSON, or ``reason``.
        seed: the study's seed.

    Returns:
        Scores in the form of :func:`mrisynth.metrics.table.score_table`, named ``classifier_auc`` and so on and
        ``classifier_calibrated_accuracy`` and so on, and the confusion matrix of the critic's own answers: ``label``
        (true) and one column a class.
    """
    facts, predictions = read_json(recipe), read_predictions(path)
    tested = _of_split(predictions, TESTED)
    name, classes = facts["model"]["name"], tested.classes
    answers = (tested.probabilities, tested.labels, tested.participants)
    measures = classifier_measures(*answers, classes=classes, seed=seed)
    title = f"Critic of {name}, {len(tested.table)} test slices"
    classification_figure(*answers, picture, classes=classes, seed=seed, title=title)
    fields = {
        "model": name, "source": "model", "features": "critic", "features_sha256": facts["critic_sha256"],
        "features_trained": facts["trained"], "view": f"slice {facts['model']['size']}", "reference": TESTED,
        "seed": seed, "warning": _BY_BATCH if facts["model"]["family_recipe"].get("class_head") == "shared" else "",
    }  # fmt: skip
    moved = _calibration(predictions, retrained=facts["model"].get("retrain_of") is not None)
    write_json({"reason": moved} if isinstance(moved, str) else asdict(moved), calibration)
    scores = measure_scores(measures, prefix="classifier", **fields)
    scores += measure_scores(_calibrated(tested, moved, measures, seed=seed), prefix="classifier_calibrated", **fields)
    confusion = confusion_table(tested.probabilities, tested.labels, classes=classes).reset_index()
    return score_table(scores), confusion


def _calibration(predictions: Predictions, *, retrained: bool) -> Calibration | str:
    """Return the calibration by the validation slices, or why there is none."""
    if retrained:
        return _TRAINED_ON
    held_out = _of_split(predictions, CALIBRATED_WITH)
    answers = (held_out.probabilities, held_out.labels, held_out.participants)
    return calibrate(*answers, classes=held_out.classes) or _NOBODY


def _calibrated(tested: Predictions, moved: Calibration | str, measures: list[Measure], *, seed: int) -> list[Measure]:
    """Return the measures of decisions after the calibration, or the same names without values."""
    if isinstance(moved, str):
        return [
            Measure(name=one.name, value=MISSING, better=one.better, n=one.n, warning=moved)
            for one in measures
            if one.name in _DECISIONS
        ]
    answers = (moved.applied(tested.probabilities), tested.labels, tested.participants)
    found = classifier_measures(*answers, classes=tested.classes, seed=seed)
    return [one for one in found if one.name in _DECISIONS]


def _of_split(predictions: Predictions, split: str) -> Predictions:
    table = predictions.table
    return Predictions(table=table[table["split"] == split].reset_index(drop=True), classes=predictions.classes)
