"""Linear heads that learn from real scans, from samples or from both, and what they predict of test scans."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrisynth.metrics.heads import fit_classifier, fit_regressor
from mrisynth.metrics.labelled import LabelledSet
from mrisynth.metrics.utility import ARMS, Draw, Task
from mrisynth.seeds import derive_seed


def linear_predictions(
    task: Task, draws: Sequence[Draw], *, train: LabelledSet, samples: LabelledSet, test: LabelledSet, seed: int
) -> dict[str, np.ndarray]:
    """Return what linear heads predict of the test rows: arm -> [repeats, test rows, classes] or [..., 1] in years.

    Each head is standardised, cross-validated and fitted on the scans of its arm alone.
    """
    arms = ARMS if not task.missing else ("real",)
    found: dict[str, list[np.ndarray]] = {arm: [] for arm in arms}
    for number, draw in enumerate(draws):
        for arm in arms:
            real, synthetic = draw.of(arm)
            features = np.concatenate([train.features[real], samples.features[synthetic]])
            groups = [f"real {train.groups[row]}" for row in real] + [f"sample {row}" for row in synthetic]
            own = derive_seed(seed, "utility head", task.name, arm, number)
            tested = test.features[task.test]
            labels = draw.labels(task, arm, train=train, samples=samples)
            if task.name == "age":
                found[arm].append(fit_regressor(features, labels, groups=groups, seed=own).numbers(tested)[:, None])
                continue
            words = [task.classes[label] for label in labels]
            found[arm].append(_chances(features, words, groups, tested, classes=task.classes, seed=own))
    return {arm: np.stack(predictions) for arm, predictions in found.items()}


def _chances(
    features: np.ndarray,
    words: Sequence[str],
    groups: Sequence[str],
    tested: np.ndarray,
    *,
    classes: Sequence[str],
    seed: int,
) -> np.ndarray:
    """Return the probabilities [n, classes]; who has seen one class alone always says that one."""
    chances = np.zeros((len(tested), len(classes)))
    if len(set(words)) == 1:
        chances[:, classes.index(words[0])] = 1.0
        return chances
    head = fit_classifier(features, words, groups=groups, seed=seed)
    chances[:, [classes.index(word) for word in head.classes]] = head.probabilities(tested)
    return chances
