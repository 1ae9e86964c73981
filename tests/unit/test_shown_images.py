"""Which real images a page shows."""

from mrisynth.reporting.shown_images import in_turn


def test_slices_are_of_different_people_and_of_different_places_in_turn():
    rows = [0, 1, 2, 3, 4, 5, 6]
    people = ["a", "a", "a", "b", "b", "b", "c"]
    assert in_turn(rows, people) == [0, 4, 6, 1, 5, 2, 3]
    assert in_turn([7, 5], ["x", "y"]) == [7, 5]
