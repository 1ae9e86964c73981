"""A space that images and prompts share: what it is, who it is learned from, and what it says of others."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSSVD

from mrisynth.errors import MrisynthError
from mrisynth.text.common_space import LEAST, MOST, CommonSpace
from mrisynth.text.similarity import paired_similarity


def made(people: int, *, seed: int, told: float = 1.0, rows: int = 2) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images and prompts with three things in common, among much that only one of them has."""
    maps = np.random.default_rng(99)
    to_image, to_prompt = maps.normal(size=(3, 40)), maps.normal(size=(3, 12))
    random = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), rows)
    shared = random.normal(size=(people, 3))[whose]
    said = shared if told else random.normal(size=(people, 3))[whose]
    images = shared @ to_image + 1.5 * random.normal(size=(len(whose), 40)) + 5
    prompts = said @ to_prompt + 0.5 * random.normal(size=(people, 12))[whose] - 2
    return images, prompts, [f"p{number}" for number in whose]


def test_components_are_those_of_sklearn_and_vary_by_one():
    images, prompts, people = made(60, seed=1)
    space = CommonSpace.fit(images, prompts, participants=people, seed=1)
    theirs = PLSSVD(n_components=space.components).fit(images, prompts).transform(images, prompts)
    for ours, reference in zip((space.of_images(images), space.of_prompts(prompts)), theirs, strict=True):
        np.testing.assert_allclose(ours.std(axis=0), 1, rtol=1e-9)
        for one, other in zip(ours.T, reference.T, strict=True):
            assert abs(np.corrcoef(one, other)[0, 1]) == pytest.approx(1, abs=1e-9)
    assert LEAST <= space.components <= MOST


def test_pairs_of_new_people_are_told_from_wrong_ones_only_where_prompts_say_something():
    found = {}
    for told in (1.0, 0.0):
        images, prompts, people = made(120, seed=2, told=told)
        space = CommonSpace.fit(images, prompts, participants=people, seed=1)
        others, theirs, names = made(60, seed=3, told=told)
        placed = space.of_images(others), space.of_prompts(theirs)
        found[told] = paired_similarity(*placed, participants=names, seed=1, replicates=200).means["gap"]
    assert found[1.0].low > 0.3
    assert found[0.0].low < 0.1 and found[0.0].value < 0.15


def test_the_same_pairs_give_the_same_space_in_any_order():
    images, prompts, people = made(40, seed=4)
    order = np.random.default_rng(0).permutation(len(people))
    one = CommonSpace.fit(images, prompts, participants=people, seed=1)
    other = CommonSpace.fit(images[order], prompts[order], participants=[people[row] for row in order], seed=1)
    assert one.components == other.components
    np.testing.assert_allclose(
        (one.of_images(images) * one.of_prompts(prompts)).sum(axis=1),
        (other.of_images(images) * other.of_prompts(prompts)).sum(axis=1),
        rtol=1e-6,
        atol=1e-9,
    )


def test_noise_is_left_out_and_one_thing_alone_is_one_component():
    images, prompts, people = made(120, seed=2)
    assert CommonSpace.fit(images, prompts, participants=people, seed=1).components <= 4, "three things are in common"
    site = np.outer(np.sign(prompts[:, 0] + 2), np.arange(1, 5))
    assert CommonSpace.fit(images, site, participants=people, seed=1).components == 1


def test_features_that_do_not_vary_and_two_people_are_enough():
    images, prompts, _ = made(2, seed=5, rows=1)
    images[:, 3] = 7.0
    space = CommonSpace.fit(images, prompts, participants=["a", "b"], seed=1)
    assert space.components == 1 and np.isfinite(space.of_images(images + 1)).all()


@pytest.mark.parametrize(
    ("images", "prompts", "people", "sentence"),
    [
        (np.ones((1, 3)), np.ones((1, 3)), 1, "1 training image rows of features, expected 2"),
        (np.eye(4), np.ones((4, 2)), 4, "Nothing varies together in 4 training images and their prompts"),
        (np.eye(4), np.eye(4)[:, :2], 3, "4 images, 4 prompts and 3 participants"),
        (np.full((4, 2), np.nan), np.eye(4), 4, "training image rows of features are not finite"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(images, prompts, people, sentence):
    with pytest.raises(MrisynthError, match=sentence):
        CommonSpace.fit(images, prompts, participants=[str(number) for number in range(people)], seed=1)
