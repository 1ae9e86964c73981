"""Similarity of paired embeddings: cosines, wrong pairs, and intervals over participants."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.text.similarity import cosines, paired_similarity


def made(
    people: int, *, rows: int = 3, listens: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Embeddings that all share a direction, with one of each participant's own that the second set hears of."""
    random = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), rows)
    own = random.normal(size=(people, 16))[whose]
    common = np.ones(16)
    noise = random.normal(size=(2, len(whose), 16)) * 0.3
    return common + own + noise[0], common + listens * own + noise[1], [f"p{number}" for number in whose]


def test_cosines_are_those_of_the_definition():
    found = cosines(np.array([[1, 0], [3, 4], [2, 2]]), np.array([[0, 2], [6, 8], [-1, -1]]))
    np.testing.assert_allclose(found, [0, 1, -1], atol=1e-12)


def test_wrong_pairs_are_those_of_other_participants():
    first, second, people = made(5)
    found = paired_similarity(first, second, participants=people, seed=1, replicates=20)
    whole = (first / np.linalg.norm(first, axis=1, keepdims=True)) @ (
        second / np.linalg.norm(second, axis=1, keepdims=True)
    ).T
    np.testing.assert_allclose(found.pairs, np.diag(whole))
    other = np.array(people)[:, None] != np.array(people)
    np.testing.assert_allclose(found.others, [row[mask].mean() for row, mask in zip(whole, other, strict=True)])
    assert found.means["pairs"].value == pytest.approx(np.diag(whole).mean())


def test_of_pairs_of_two_people_others_are_of_neither():
    first, second, people = made(6, rows=2)
    partners = [people[(row + 2) % 12] for row in range(12)]
    found = paired_similarity(first, second, participants=people, partners=partners, seed=1, replicates=20)
    for row in range(12):
        others = [one for one in range(12) if partners[one] not in (people[row], partners[row])]
        assert len(others) == 8
        expected = cosines(np.repeat(first[row : row + 1], 8, axis=0), second[others]).mean()
        assert found.others[row] == pytest.approx(expected)
    with pytest.raises(MrisynthError, match="2 partners of 12 pairs"):
        paired_similarity(first, second, participants=people, partners=people[:2], seed=1)


def test_many_rows_are_compared_block_by_block():
    first, second, people = made(300, rows=3)
    found = paired_similarity(first, second, participants=people, seed=1, replicates=20)
    other = np.array(people) != people[700]
    expected = cosines(np.repeat(first[700:701], other.sum(), axis=0), second[other]).mean()
    assert found.others[700] == pytest.approx(expected)


def test_the_gap_is_seen_where_there_is_one():
    hears, deaf = (
        paired_similarity(*made(30, listens=listens)[:2], participants=made(30)[2], seed=1) for listens in (1.0, 0.0)
    )
    assert hears.means["gap"].low > 0.1 and hears.means["gap"].participants == 30
    assert deaf.means["gap"].low < 0 < deaf.means["gap"].high and deaf.means["pairs"].value > 0.4
    table = hears.table().set_index("measure")
    assert list(table.index) == ["pairs", "others", "gap"]
    assert table.loc["gap", "value"] == pytest.approx(table.loc["pairs", "value"] - table.loc["others", "value"])


def test_intervals_are_over_participants_not_rows():
    """Ten rows of each of ten participants say hardly more than one row of each."""
    many, few = (
        paired_similarity(*made(10, rows=rows)[:2], participants=made(10, rows=rows)[2], seed=1) for rows in (10, 1)
    )
    wide = {
        name: found.means["pairs"].high - found.means["pairs"].low for name, found in (("many", many), ("few", few))
    }
    assert 0.3 < wide["many"] / wide["few"] < 2.0
    again = paired_similarity(*made(10)[:2], participants=made(10)[2], seed=1)
    assert again.means["gap"].low == paired_similarity(*made(10)[:2], participants=made(10)[2], seed=1).means["gap"].low


def test_few_participants_have_no_interval_and_one_no_others():
    first, second, _ = made(1)
    found = paired_similarity(first, second, participants=["a"] * 3, seed=1, replicates=20)
    assert np.isnan(found.others).all() and np.isnan(found.means["gap"].value) and found.means["gap"].warning
    assert np.isfinite(found.means["pairs"].value) and np.isnan(found.means["pairs"].low)
    assert "1 participants, 4 or more" in found.means["pairs"].warning


@pytest.mark.parametrize(
    ("first", "second", "people", "sentence"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), 2, r"embeddings of \(2, 3\) and \(2, 4\)"),
        (np.ones(3), np.ones(3), 3, r"expected two equal \[n, features\]"),
        (
            np.ones((2, 3)),
            np.zeros((2, 3)),
            2,
            r"second embeddings have no direction in row 0 .* leave empty prompts out",
        ),
        (np.array([[1.0], [np.nan]]), np.ones((2, 1)), 2, r"first embeddings have no direction in row 1"),
        (np.ones((2, 3)), np.ones((2, 3)), 3, r"3 participants of 2 pairs"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, people, sentence):
    with pytest.raises(MrisynthError, match=sentence):
        paired_similarity(first, second, participants=[str(number) for number in range(people)], seed=1)
