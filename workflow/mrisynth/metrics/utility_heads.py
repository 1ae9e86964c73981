"""Linear heads that learn from real scans, from samples or from both, and what they predict of test scans."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrisynth.metrics.heads import fit_classifier, fit_regressor
from mrisynth.metrics.labelled import LabelledSet
from mrisynth.metrics.utility import ARMS, REVERSE, Draw, Task
from mrisynth.seeds import derive_seed


def linear_predictions(
    task: Task, draws: Sequence[Draw], *, train: LabelledSet, samples: LabelledSet, test: LabelledSet, seed: int
) -> dict[str, np.ndarray]:
    """Return what linear heads predict of the test rows: arm -> [repeats, test rows, classes] or [..., 1] in years.

    Each head is standardised, cross-validated and fitted on the scans of its arm alone. Of classes that samples can be
    learned from, :data:`mrisynth.metrics.utility.REVERSE` is what the heads of the arm ``real`` predict of the samples:
    [repeats, rows of samples, classes].
    """
    arms = ARMS if not task.missing else ("real",)
    reverse = (REVERSE,) if task.classes and not task.missing else ()
    found: dict[str, list[np.ndarray]] = {arm: [] for arm in (*arms, *reverse)}
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
            whose = {arm: tested}
            if arm == "real":
                whose |= dict.fromkeys(reverse, samples.features[task.samples])
            told = _chances(features, words, groups, list(whose.values()), classes=task.classes, seed=own)
            for name, chances in zip(whose, told, strict=True):
                found[name].append(chances)
    return {arm: np.stack(predictions) for arm, predictions in found.items()}


def _chances(
    features: np.ndarray,
    words: Sequence[str],
    groups: Sequence[str],
    tested: Sequence[np.ndarray],
    *,
    classes: Sequence[str],
    seed: int,
) -> list[np.ndarray]:
    """Return the probabilities [n, classes] of each tested set; who has seen one class alone always says that one."""
    found = [np.zeros((len(rows), len(classes))) for rows in tested]
    if len(set(words)) == 1:
        for chances in found:
            chances[:, classes.index(words[0])] = 1.0
        return found
    head = fit_classifier(features, words, groups=groups, seed=seed)
    for chances, rows in zip(found, tested, strict=True):
        chances[:, [classes.index(word) for word in head.classes]] = head.probabilities(rows)
    return found
