"""The segmenter of the filter: finds shapes in any contrast, learns of training people alone, is kept and loaded whole."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.annotated_shapes import STRUCTURES, annotated_shapes

from mrisynth.errors import MrisynthError
from mrisynth.filtering.intensity_changes import (
    IntensityRange,
    change_intensity,
    draw_intensity,
    draw_shifts,
    shifted,
)
from mrisynth.filtering.scorers import Scorer, check_asked, overlap, overlaps
from mrisynth.filtering.segmenter import FACTS, WEIGHTS, Segmenter
from mrisynth.filtering.segmenter_training import AnnotatedImages, SegmenterSettings, train_segmenter

QUICK = SegmenterSettings(width=8, steps=90, batch=8, learning_rate=8e-3, empty=0.1)


def annotated(count=36, *, seed=0, held_out=6) -> AnnotatedImages:
    images, masks = annotated_shapes(count, seed=seed)
    splits = ["validation"] * held_out + ["train"] * (count - held_out)
    return AnnotatedImages(
        images=images, masks=masks, participants=[f"sub-{n:02d}" for n in range(count)], splits=splits
    )


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return train_segmenter(annotated(), STRUCTURES, seed=1, settings=QUICK)


def test_it_finds_shapes_of_people_it_never_saw(segmenter):
    images, masks = annotated_shapes(20, seed=9)
    scorer: Scorer = segmenter
    scores = scorer.score(images, masks)
    assert scores.iou.shape == (20, 2) and scores.iou.mean() > 0.7
    assert (scores.confidence > 0.5).all() and (scores.confidence <= 1).all()
    inverted = np.where(images > -0.9, -0.2 - 0.8 * images, -1.0).astype(np.float32)
    other = segmenter.score(images, np.roll(masks, 7, axis=1))
    assert other.iou.mean() < 0.6 * scores.iou.mean()  # the same images, asked for elsewhere
    assert np.isfinite(segmenter.score(inverted, masks).iou).all()


def test_a_structure_that_is_missing_has_no_score_and_a_missed_one_has_zero(segmenter):
    images, masks = annotated_shapes(2, seed=3)
    only_bar = np.where(masks == 1, 0, masks)
    scores = segmenter.score(images, only_bar)
    assert np.isnan(scores.iou[:, 0]).all() and np.isnan(scores.confidence[:, 0]).all()
    assert np.isfinite(scores.iou[:, 1]).all()
    blank = segmenter.score(np.full_like(images, -1.0), masks)
    assert (blank.iou == 0).all() and (blank.confidence == 0).all()
    assert np.array_equal(np.isnan(blank.iou), np.isnan(blank.confidence))


def test_scores_are_those_of_its_own_masks_and_of_one_image_at_a_time(segmenter):
    images, masks = annotated_shapes(5, seed=4)
    scores = segmenter.score(images, masks)
    found, probabilities = segmenter.segment(images), segmenter.probabilities(images)
    disc = found[0] == 1
    assert scores.iou[0, 0] == (disc & (masks[0] == 1)).sum() / (disc | (masks[0] == 1)).sum()
    assert scores.confidence[0, 0] == pytest.approx(probabilities[0, 1][disc].mean())
    alone = segmenter.score(images[2:3], masks[2:3])
    assert np.allclose(alone.confidence, scores.confidence[2:3], atol=1e-5)
    assert segmenter.score(images[:0], masks[:0]).iou.shape == (0, 2)


def test_bytes_are_read_as_the_images_they_are(segmenter):
    images, _ = annotated_shapes(2, seed=5)
    as_bytes = np.rint((images + 1) * 127.5).astype(np.uint8)
    assert np.abs(segmenter.probabilities(as_bytes) - segmenter.probabilities(images)).max() < 0.1


def test_held_out_people_change_nothing_and_a_seed_gives_one_network():
    settings = replace(QUICK, steps=3)
    first = train_segmenter(annotated(), STRUCTURES, seed=1, settings=settings)
    changed = annotated()
    changed.images[:6], changed.masks[:6] = 0.0, 2
    second = train_segmenter(changed, STRUCTURES, seed=1, settings=settings)
    other = train_segmenter(annotated(), STRUCTURES, seed=2, settings=settings)
    one, two, three = (dict(each.network.state_dict()) for each in (first, second, other))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], three[name]) for name in one)
    assert first.facts["images"] == first.facts["participants"] == 30


def test_it_is_kept_and_loaded_whole(segmenter, tmp_path):
    segmenter.save(tmp_path)
    loaded = Segmenter.load(tmp_path)
    images, _ = annotated_shapes(3, seed=6)
    assert np.array_equal(loaded.probabilities(images), segmenter.probabilities(images))
    assert loaded.structures == STRUCTURES and loaded.facts == json.loads(json.dumps(segmenter.facts))
    facts = json.loads((tmp_path / FACTS).read_text())
    (tmp_path / FACTS).write_text(json.dumps(facts | {"format": 2}))
    with pytest.raises(MrisynthError, match="update mrisynth"):
        Segmenter.load(tmp_path)
    (tmp_path / FACTS).write_text(json.dumps(facts))
    content = bytearray((tmp_path / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(MrisynthError, match="not the file"):
        Segmenter.load(tmp_path)
    with pytest.raises(MrisynthError, match="train the segmenter"):
        Segmenter.load(tmp_path / "nowhere")


def test_volumes_are_segmented_by_the_same_code():
    images, masks = annotated_shapes(4, seed=7, size=16, dimensions=3)
    volumes = AnnotatedImages(images=images, masks=masks, participants=list("abcd"), splits=["train"] * 4)
    found = train_segmenter(volumes, STRUCTURES, seed=1, settings=replace(QUICK, steps=2, batch=2))
    assert found.dimensions == 3 and found.segment(images).shape == (4, 16, 16, 16)
    with pytest.raises(MrisynthError, match="3 edges"):
        found.segment(images[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"splits": ["test"] * 36}, "no teacher"),
        ({"participants": ["sub-00"] * 36}, "two splits|in the splits"),
        ({"participants": ["sub-00"] * 35}, "35 participants"),
        ({"masks": np.zeros((36, 32, 32), dtype=np.uint8)}, "disc is in no annotated"),
        ({"masks": np.full((36, 32, 32), 3)}, "from 3 to 3"),
    ],
)
def test_sets_that_teach_nothing_are_refused(change, words):
    with pytest.raises(MrisynthError, match=words):
        train_segmenter(replace(annotated(), **change), STRUCTURES, seed=1, settings=QUICK)


def test_images_too_small_to_be_halved_four_times_are_refused():
    images, masks = annotated_shapes(2, seed=1, size=12)
    tiny = AnnotatedImages(images=images, masks=masks, participants=["a", "b"], splits=["train"] * 2)
    with pytest.raises(MrisynthError, match="16 voxels or more"):
        train_segmenter(tiny, STRUCTURES, seed=1, settings=QUICK)


@pytest.mark.parametrize("shape", [(6, 1, 20, 24), (3, 1, 8, 10, 12)])
def test_brightness_changes_and_outside_stays_dark(shape):
    images = torch.zeros(shape)
    images[:, :, 4:, 4:] = 0.6
    still = IntensityRange(curve=0, gamma=0, gain=0, bias=0, noise=0, blur=0)
    same = change_intensity(images, draw_intensity(still, shape, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(same, images, atol=1e-6)
    drawn = draw_intensity(
        replace(IntensityRange(), noise=0.0, blur=0.0), shape, generator=torch.Generator().manual_seed(0)
    )
    changed = change_intensity(images, drawn)
    assert (
        changed[:, :, :4].abs().max() == 0
        and (changed - images).abs().amax(dim=tuple(range(1, len(shape)))).min() > 0.01
    )
    again = draw_intensity(IntensityRange(), shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.curve, drawn.curve)


def test_images_and_masks_are_moved_together():
    image = torch.arange(2 * 25.0).view(2, 1, 5, 5) + 1
    moved = shifted(image, [[1, -2], [0, 0]])
    assert torch.equal(moved[0, 0, 1:, :3], image[0, 0, :4, 2:]) and moved[0, 0, 0].sum() == 0
    assert moved[0, 0, :, 3:].sum() == 0 and torch.equal(moved[1], image[1])
    steps = draw_shifts(200, edges=(32, 64), most=0.1, generator=torch.Generator().manual_seed(0))
    assert np.abs(steps).max(axis=0).tolist() == [3, 6] and np.min(steps) == -6


def test_overlaps_are_counted():
    asked, found = np.array([[0, 1, 1, 2]]), np.array([[1, 1, 0, 0]])
    assert np.allclose(overlaps(found, asked, structures=3), [[1 / 3, 0.0, np.nan]], equal_nan=True)
    assert np.isnan(overlap(found == 1, asked == 5))
    with pytest.raises(MrisynthError, match="masks"):
        check_asked(np.zeros((2, 4, 4)), np.zeros((1, 4, 4)), STRUCTURES)
