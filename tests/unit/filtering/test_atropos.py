"""Tissues by brightness: what Atropos finds in drawn brains, with and without priors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mrisynth.errors import MrisynthError
from mrisynth.filtering.atropos import AtroposScorer, tissue_priors
from mrisynth.region_atlas import load_atlas

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


def test_another_contrast_needs_its_order_or_priors():
    mask = brain()
    inverted = image_of(mask, contrast=np.array([-1.0, 0.7, 0.1, 0.1, -0.6, 0.4]))[None]
    assert scorer().score(inverted, mask[None]).iou[0, 0] < 0.1
    assert scorer(order=("white", "grey", "csf")).score(inverted, mask[None]).iou[0, :4].min() > 0.9
    tissue = np.array([0, 1, 2, 2, 3, 0])[mask]
    priors = np.stack([ndimage.gaussian_filter((tissue == number).astype(float), 1.5) for number in (1, 2, 3)])
    assert scorer(priors=priors).score(inverted, mask[None]).iou[0, :4].min() > 0.8


def test_the_same_image_gets_the_same_scores():
    mask = brain()
    one, two = (scorer().score(image_of(mask)[None], mask[None]) for _ in range(2))
    assert np.array_equal(one.iou, two.iou, equal_nan=True) and np.array_equal(
        one.confidence, two.confidence, equal_nan=True
    )


def test_volumes_are_scored_with_the_priors_of_the_atlas():
    atlas = load_atlas(16)
    priors = tissue_priors(atlas)
    assert priors.shape == (3, 16, 16, 16) and np.array_equal(priors[:, atlas.inside], atlas.priors)
    mask = np.where(priors.sum(axis=0) > 0.3, priors.argmax(axis=0) + 1, 0).astype(np.uint8)
    bright = np.array([-1.0, -0.7, 0.1, 0.7])[mask] + np.random.default_rng(0).normal(0, 0.05, mask.shape) * (mask > 0)
    names = ("csf", "grey", "white")
    judge = AtroposScorer(structures=names, tissues={name: name for name in names}, priors=priors)
    assert judge.score(bright[None].astype(np.float32), mask[None]).iou.min() > 0.8


def test_what_it_cannot_judge_is_refused():
    with pytest.raises(MrisynthError, match="bone"):
        AtroposScorer(structures=STRUCTURES, tissues={"grey": "bone"})
    with pytest.raises(MrisynthError, match="judges nothing"):
        AtroposScorer(structures=("liver",), tissues={"grey": "grey"})
    with pytest.raises(MrisynthError, match="on the grid"):
        scorer(priors=np.zeros((3, 8, 8))).score(image_of(brain())[None], brain()[None])
