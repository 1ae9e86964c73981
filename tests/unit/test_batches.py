"""Batches: the stream of old, classes shown equally often, and images read ahead."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pytest
import torch

from mrisynth.errors import MrisynthError
from mrisynth.models.interface import Batch
from mrisynth.seeds import numpy_generator
from mrisynth.training.batches import Batches

LABELS = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 2, -1, -1, 0])
COUNT = len(LABELS)
IMAGES = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 4), dtype=np.uint8)
ROWS = np.arange(20)[::-1][:COUNT]  # image k of the training shows the value 19 - k


def _batches(batch_size: int = 4, images: np.ndarray = IMAGES, **changes) -> Batches:
    settings = {"rows": ROWS, "labels": LABELS, "seed": 1, "model": "model", "device": "cpu"} | changes
    return Batches(images, batch_size=batch_size, **settings)


def _places(batch: Batch) -> list[int]:
    return [19 - round((float(image.mean()) + 1) * 127.5) for image in batch.images]


def _stream(batches: Batches, length: int) -> list[int]:
    return [place for number in range(length // batches.batch_size) for place in _places(batches[number])]


def test_without_balance_the_stream_is_the_one_of_the_first_release():
    shown = _stream(_batches(), 2 * COUNT)
    expected = [numpy_generator(1, "train", "model", "epoch", epoch).permutation(COUNT) for epoch in range(2)]
    assert shown == np.concatenate(expected)[: len(shown)].tolist()


def test_every_run_of_a_balanced_stream_shows_each_class_once():
    shown = LABELS[_stream(_batches(balanced=True), 80)].reshape(20, 4)
    assert (np.sort(shown, axis=1) == [-1, 0, 1, 2]).all()
    assert len({tuple(run) for run in shown}) > 5


def test_each_class_of_a_balanced_stream_goes_through_epochs_of_its_own():
    shown = _stream(_batches(balanced=True), 4 * 24)
    for label, count in zip(*np.unique(LABELS, return_counts=True), strict=True):
        of_class = [place for place in shown if LABELS[place] == label]
        epochs = [of_class[first : first + count] for first in range(0, 24 // count * count, count)]
        assert {tuple(sorted(epoch)) for epoch in epochs} == {tuple(np.flatnonzero(label == LABELS))}
    largest = [place for place in shown if LABELS[place] == 0]
    assert largest[:8] != largest[8:16]


def test_a_balanced_stream_is_a_function_of_the_position():
    shown = _stream(_batches(4, balanced=True), 60)
    assert _stream(_batches(5, balanced=True), 60) == shown
    out_of_order = _batches(4, balanced=True)
    for number in (11, 3, 7, 3):
        assert _places(out_of_order[number]) == shown[4 * number : 4 * number + 4]
    assert _stream(_batches(4, balanced=True, seed=2), 60) != shown
    assert _stream(_batches(4, balanced=True, model="other"), 60) != shown


def test_a_balanced_stream_gives_each_image_its_label():
    batches = _batches(8, balanced=True)
    for number in range(4):
        assert batches[number].labels.tolist() == LABELS[_places(batches[number])].tolist()


@pytest.mark.fault(18)
def test_one_class_is_balanced_in_itself():
    shown = _stream(_batches(13, balanced=True, labels=np.full(COUNT, -1)), 26)
    assert set(Counter(shown).values()) == {2}


WEIGHTS = np.where(LABELS == 1, 3.0, 0.8)


def test_weights_say_how_often_an_image_is_shown():
    shown = Counter(_stream(_batches(13, weights=WEIGHTS), 13 * 40))
    expected = 13 * 40 * WEIGHTS / WEIGHTS.sum()
    np.testing.assert_allclose([shown[place] for place in range(COUNT)], expected, atol=0.25 * expected.max())
    for epoch in range(3):
        counts = Counter(_places(_batches(13, weights=WEIGHTS)[epoch]))
        share = 13 * WEIGHTS / WEIGHTS.sum()
        assert all(np.floor(share[place]) <= counts[place] <= np.ceil(share[place]) for place in range(COUNT))


def test_equal_weights_show_every_image_once_an_epoch():
    for epoch in range(3):
        assert sorted(_places(_batches(13, weights=np.full(COUNT, 0.3))[epoch])) == list(range(COUNT))


def test_a_weighted_stream_is_a_function_of_the_position():
    shown = _stream(_batches(4, weights=WEIGHTS), 60)
    assert _stream(_batches(5, weights=WEIGHTS), 60) == shown
    assert _places(_batches(4, weights=WEIGHTS)[11]) == shown[44:48]
    assert _stream(_batches(4, weights=WEIGHTS, seed=2), 60) != shown


def test_weights_of_balanced_classes_say_how_often_a_class_is_shown():
    shown = _stream(_batches(13, weights=WEIGHTS, balanced=True), 13 * 40)
    found = Counter(int(label) for label in LABELS[shown])
    total = 0.8 * 3 + 3.0
    np.testing.assert_allclose(
        [found[label] / 520 for label in (-1, 0, 1, 2)], np.array([0.8, 0.8, 3, 0.8]) / total, atol=0.02
    )


@pytest.mark.parametrize("weights", [np.ones(COUNT - 1), np.zeros(COUNT), np.full(COUNT, np.nan)])
def test_unusable_weights_are_refused(weights):
    with pytest.raises(MrisynthError, match="expected one each, above 0"):
        _batches(weights=weights)


class _Watched(np.ndarray):
    """Images that remember which thread read which rows."""

    def __getitem__(self, rows):
        if isinstance(rows, np.ndarray):
            self.reads.append((threading.current_thread().name, rows.tolist()))
        return np.asarray(self)[rows]


def _watched() -> _Watched:
    images = IMAGES.view(_Watched)
    images.reads = []
    return images


def test_the_next_batch_is_read_ahead_by_a_thread():
    images = _watched()
    batches = _batches(images=images)
    shown = [_places(batches[number]) for number in range(3)]
    batches._reader.shutdown()
    assert [rows for _, rows in images.reads[:3]] == [[19 - place for place in places] for places in shown]
    assert len(images.reads) == 4
    assert images.reads[0][0] == threading.current_thread().name
    assert all(name.startswith("batches") for name, _ in images.reads[1:])


@pytest.mark.parametrize("balanced", [False, True])
def test_batches_read_ahead_equal_those_that_are_not(balanced):
    ahead = _batches(3, balanced=balanced)
    for number in [0, 1, 2, 3, 3, 9, 10, 4, 0, 1]:
        fresh, read = _batches(3, balanced=balanced)[number], ahead[number]
        assert torch.equal(read.images, fresh.images)
        assert torch.equal(read.labels, fresh.labels)


def test_an_image_that_cannot_be_read_stops_the_training():
    class _Torn(_Watched):
        def __getitem__(self, rows):
            if threading.current_thread().name.startswith("batches"):
                raise OSError("the disk is gone")
            return super().__getitem__(rows)

    images = IMAGES.view(_Torn)
    images.reads = []
    batches = _batches(images=images)
    batches[0]
    with pytest.raises(OSError, match="the disk is gone"):
        batches[1]


def test_the_seconds_waited_for_images_add_up():
    class _Slow(_Watched):
        def __getitem__(self, rows):
            threading.Event().wait(0.25)
            return super().__getitem__(rows)

    images = IMAGES.view(_Slow)
    images.reads = []
    batches = _batches(images=images)
    assert batches.waited_seconds == 0.0
    batches[0]
    first = batches.waited_seconds
    assert first >= 0.25
    batches._ahead[1].result()
    batches[1]
    assert first < batches.waited_seconds < first + 0.2  # read ahead already: no waiting
    batches[7]
    assert batches.waited_seconds > first + 0.25


def _of_sources(*, complete=None, batch_size: int = 4) -> Batches:
    """Ten images of a first source and three of a second, told a number that the second does not know."""
    images = np.arange(13, dtype=np.uint8)[:, None, None] + np.zeros((13, 4, 4), dtype=np.uint8)
    labels = np.column_stack([np.repeat([0.0, 1.0], [10, 3]), np.where(np.arange(13) < 10, np.arange(13), np.nan)])
    return Batches(
        images, rows=np.arange(13), labels=labels, batch_size=batch_size, seed=1, model="m", device="cpu",
        balanced=True, complete=complete,
    )  # fmt: skip


def test_sources_are_shown_equally_often_and_nothing_of_the_larger_one_is_left_out():
    batches = _of_sources()
    shown = torch.cat([batches[number].images[:, 0, 0, 0] for number in range(5)])
    rows = torch.round((shown + 1) * 127.5).long().tolist()
    assert sorted(row for row in rows if row < 10) == list(range(10)), "an epoch of the larger source"
    smaller = [row for row in rows if row >= 10]
    assert len(smaller) == 10 and {smaller.count(row) for row in (10, 11, 12)} <= {3, 4}
    assert all(batches[number].labels[:, 0].tolist().count(0.0) == 2 for number in range(5))


def test_gaps_are_filled_anew_in_every_batch_and_alike_whenever_it_is_asked_for():
    def complete(rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return np.where(np.isnan(rows), generator.normal(size=rows.shape), rows)

    batches, again = _of_sources(complete=complete), _of_sources(complete=complete)
    first, second = batches[0], batches[1]
    unknown = first.labels.isnan()
    assert unknown.any() and not first.completed.isnan().any()
    assert torch.equal(first.completed[~unknown], first.labels[~unknown])
    assert torch.equal(again[1].completed, second.completed) and torch.equal(again[0].completed, first.completed)
    assert set(first.completed[unknown].tolist()).isdisjoint(second.completed[second.labels.isnan()].tolist())
    assert first.asked is first.completed
    assert _of_sources()[0].completed is None
