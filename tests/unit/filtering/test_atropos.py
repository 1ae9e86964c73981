"""Tissues by brightness: what Atropos finds in drawn brains."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.filtering.atropos import AtroposScorer

STRUCTURES = ("ventricles", "hippocampus", "grey", "white", "stem")
TISSUE_OF = {"ventricles": "csf", "hippocampus": "grey", "grey": "grey", "white": "white"}
T1 = np.array([-1.0, -0.7, 0.1, 0.1, 0.7, 0.4])


def brain(size=48) -> np.ndarray:
    """A ring of grey around white around a ventricle, with a hippocampus in the white and a stem at the bottom."""
    y, x = np.indices((size, size)) / size - 0.5
    away = np.hypot(x, y)
    mask = np.zeros((size, size), dtype=np.uint8)
    mask[away < 0.45], mask[away < 0.32], mask[away < 0.12] = 3, 4, 1
    mask[np.hypot(x - 0.2, y - 0.05) < 0.06] = 2
    mask[(y > 0.38) & (away < 0.45)] = 5
    return mask


def image_of(mask, *, contrast=T1, seed=0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.05, mask.shape) * (mask > 0)
    return np.clip(contrast[mask] + noise, -1, 1).astype(np.float32)


def scorer(**changes) -> AtroposScorer:
    return AtroposScorer(structures=STRUCTURES, tissues=TISSUE_OF, **changes)


def test_tissues_of_an_image_that_shows_its_mask_are_found():
    mask = brain()
    scores = scorer().score(image_of(mask)[None], mask[None])
    assert (scores.iou[0, :4] > 0.9).all() and (scores.confidence[0, :4] > 0.9).all()
    assert scores.iou[0, 1] == scores.iou[0, 2]  # both are grey matter
    assert np.isnan(scores.iou[0, 4]) and np.isnan(scores.confidence[0, 4])  # no tissue


def test_an_image_of_another_mask_scores_less_and_an_empty_one_nothing():
    mask = brain()
    moved = np.roll(image_of(mask), 6, axis=0)
    images = np.stack([image_of(mask), moved, np.full_like(moved, -1.0)])
    scores = scorer().score(images, np.stack([mask] * 3))
    assert (scores.iou[1, :4] < 0.75).all() and (scores.iou[1, :4] < scores.iou[0, :4]).all()
    assert (scores.iou[2, :4] == 0).all() and (scores.confidence[2, :4] == 0).all()


def test_a_structure_that_was_not_asked_for_has_no_score():
    mask = np.where(brain() == 2, 4, brain())
    scores = scorer().score(image_of(mask)[None], mask[None])
    assert np.isnan(scores.iou[0, 1]) and np.isfinite(scores.iou[0, [0, 2, 3]]).all()


def test_another_contrast_needs_its_order():
    mask = brain()
    inverted = image_of(mask, contrast=np.array([-1.0, 0.7, 0.1, 0.1, -0.6, 0.4]))[None]
    assert scorer().score(inverted, mask[None]).iou[0, 0] < 0.1
    assert scorer(order=("white", "grey", "csf")).score(inverted, mask[None]).iou[0, :4].min() > 0.9


def test_the_same_image_gets_the_same_scores():
    mask = brain()
    one, two = (scorer().score(image_of(mask)[None], mask[None]) for _ in range(2))
    assert np.array_equal(one.iou, two.iou, equal_nan=True) and np.array_equal(
        one.confidence, two.confidence, equal_nan=True
    )


def test_what_it_cannot_judge_is_refused():
    with pytest.raises(MrisynthError, match="bone"):
        AtroposScorer(structures=STRUCTURES, tissues={"grey": "bone"})
    with pytest.raises(MrisynthError, match="judges nothing"):
        AtroposScorer(structures=("liver",), tissues={"grey": "grey"})
