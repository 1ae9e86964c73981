"""Images for masks: each by its own seed, steered by its mask, told its condition."""

from __future__ import annotations

import numpy as np
import pytest
from support.annotated_shapes import annotated_shapes
from support.steered_study import SIZE, steered_sampler

from mrisynth.errors import MrisynthError
from mrisynth.synthesis.steered import guide, images_for_mask, seed_of_try

SOUTH = {"site": "south"}
SEEDS = {number: seed_of_try(1, "target", "a", number) for number in range(6)}


@pytest.fixture(scope="module")
def sampler():
    return steered_sampler()


@pytest.fixture(scope="module")
def masks() -> np.ndarray:
    return annotated_shapes(2, seed=5, size=SIZE)[1]


@pytest.fixture(scope="module")
def made(sampler, masks) -> np.ndarray:
    return images_for_mask(sampler, masks[0], SEEDS, condition=SOUTH)[0]


def test_a_candidate_depends_on_its_own_seed_alone(sampler, masks, made):
    assert made.shape == (6, SIZE, SIZE) and made.dtype == np.uint8
    assert len({image.tobytes() for image in made}) == 6
    for some in ([5], [1, 4], [3, 2]):
        alone, _ = images_for_mask(sampler, masks[0], {number: SEEDS[number] for number in some}, condition=SOUTH)
        assert np.array_equal(alone, made[some])


def test_mask_and_condition_change_what_is_drawn(sampler, masks, made):
    other, _ = images_for_mask(sampler, masks[1], {0: SEEDS[0]}, condition=SOUTH)
    told, labels = images_for_mask(sampler, masks[0], {0: SEEDS[0]}, condition={"site": "north"})
    assert not np.array_equal(other[0], made[0]) and not np.array_equal(told[0], made[0])
    assert labels == [0]


def test_guidance_of_an_entry_is_in_place_of_the_models(sampler, masks, made):
    before = sampler.network.guidance
    assert guide(sampler, None).network.guidance == before
    stronger, _ = images_for_mask(guide(sampler, 4.0), masks[0], {0: SEEDS[0]}, condition=SOUTH)
    guide(sampler, before)
    assert not np.array_equal(stronger[0], made[0])


def test_what_is_not_asked_for_is_drawn_by_the_seed(sampler, masks):
    _, labels = images_for_mask(sampler, masks[0], SEEDS, condition=None)
    _, again = images_for_mask(sampler, masks[0], {4: SEEDS[4]}, condition=None)
    assert set(labels) <= {0, 1} and again == [labels[4]]


def test_seeds_are_of_the_study_the_entry_the_mask_and_the_try():
    seeds = {seed_of_try(*one) for one in ((1, "a", "m", 0), (2, "a", "m", 0), (1, "b", "m", 0), (1, "a", "n", 0))}
    assert len(seeds | {seed_of_try(1, "a", "m", 1)}) == 5


def test_a_model_without_masks_and_a_mask_of_another_size_are_refused(sampler, masks):
    with pytest.raises(MrisynthError, match=r"\(8, 16\); model ldm makes \(16, 16\)"):
        images_for_mask(sampler, masks[0][:8], SEEDS, condition=SOUTH)
    plain = steered_sampler()
    plain.network.control = None
    with pytest.raises(MrisynthError, match="has learnt no masks"):
        images_for_mask(plain, masks[0], SEEDS, condition=SOUTH)
