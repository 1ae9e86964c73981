"""Which image has the nearest prompt, of whom, and who is taken where many have the same."""

from __future__ import annotations

import numpy as np

from mrisynth.text.nearest_prompts import nearest_prompts

PROMPTS = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]])


def test_the_nearest_is_of_another_person():
    names = ["a", "b", "c"]
    own = nearest_prompts(PROMPTS, PROMPTS, names=names, participants=["p", "q", "p"],
                          other_participants=["p", "q", "p"], seed=1)  # fmt: skip
    assert own.tolist() == [1, 2, 1]
    samples = nearest_prompts(PROMPTS * 3, PROMPTS, names=names, participants=["s0", "s1", "s2"],
                              other_participants=["p", "q", "p"], seed=1)  # fmt: skip
    assert samples.tolist() == [0, 1, 2]
    alone = nearest_prompts(PROMPTS[:1], PROMPTS[:1], names=["a"], participants=["p"], other_participants=["p"], seed=1)
    assert alone.tolist() == [-1]


def test_equal_prompts_are_shared_by_the_seed_and_the_name_alone():
    others = np.repeat(PROMPTS[:2], 10, axis=0)
    whose = [f"q{number}" for number in range(20)]
    wanted = np.repeat(PROMPTS[:1], 200, axis=0)
    names = [f"sample {number}" for number in range(200)]
    found = nearest_prompts(wanted, others, names=names, participants=names, other_participants=whose, seed=1)
    assert set(found.tolist()) == set(range(10)), "all who have that prompt, and nobody else"
    assert np.bincount(found).max() < 60
    again = nearest_prompts(
        wanted[5:6], others, names=names[5:6], participants=names[5:6], other_participants=whose, seed=1
    )
    assert again[0] == found[5]
    other = nearest_prompts(wanted, others, names=names, participants=names, other_participants=whose, seed=2)
    assert other.tolist() != found.tolist()
