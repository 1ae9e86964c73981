"""The schedule: stages of several lengths and batch counts, cut into chunks anywhere."""

from __future__ import annotations

import pytest

from mrisynth.models.interface import Stage
from mrisynth.training.schedule import Schedule


class Levels:
    """Three stages; the first shows two batches an update, the last three."""

    def stages(self, recipe):
        return [Stage(name="4"), Stage(name="8", share=2.0), Stage(name="16")]

    def batches_per_update(self, recipe, stage):
        return {"4": 2, "8": 1, "16": 3}[stage.name]


@pytest.fixture
def recipe(small_recipe):
    return small_recipe(images_total=80, images_per_chunk=30, batch_size=2)


def test_every_stage_has_its_share_of_the_images_in_whole_updates(recipe):
    schedule = Schedule(recipe, Levels())
    assert schedule.lengths() == [5, 20, 4]  # 20, 40 and 20 images by 4, 2 and 6 an update
    assert schedule.total == 29
    assert [schedule.images_at(step) for step in (0, 5, 25, 29)] == [0, 20, 60, 84]


def test_batches_follow_one_another_without_a_gap(recipe):
    schedule = Schedule(recipe, Levels())
    shown = [number for step in range(schedule.total) for number in schedule.place(step).batches]
    assert shown == list(range(42))


def test_a_place_says_how_far_its_stage_is(recipe):
    schedule = Schedule(recipe, Levels())
    begin, end = schedule.place(5), schedule.place(24)
    assert (begin.stage.name, begin.number, begin.progress, begin.is_last) == ("8", 1, 0.0, False)
    assert (end.stage.name, end.progress, end.is_last) == ("8", 0.95, True)
    assert (end.updates_before, end.images_before, end.images) == (19, 38, 2)


def test_chunks_begin_where_their_images_do_and_the_last_ends_the_training(recipe):
    schedule = Schedule(recipe, Levels())
    starts = [schedule.first_step(chunk) for chunk in range(recipe.chunks + 1)]
    assert starts == [0, 10, 25, 29]
    assert [schedule.images_at(step) for step in starts] == [0, 30, 60, 84]


def test_lengths_that_were_found_shorten_stages_and_leave_late_chunks_empty(recipe):
    schedule = Schedule(recipe, Levels(), lengths={"8": 3, "16": 1})
    assert schedule.lengths() == [5, 3, 1]
    assert [schedule.first_step(chunk) for chunk in range(recipe.chunks + 1)] == [0, 9, 9, 9]


def test_a_stage_of_no_update_is_passed_over(recipe):
    schedule = Schedule(recipe, Levels(), lengths={"8": 0})
    assert [schedule.place(step).stage.name for step in range(4, 7)] == ["4", "16", "16"]
