"""The rule of the filter: published and calibrated thresholds, lowering, missed structures, reasons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.filtering.calibration import calibrate
from mrisynth.filtering.decision import Rule, Thresholds, decide, passing_share

NAMES = ("liver", "spleen")
RULE = Rule(thresholds=Thresholds.published(2), structures=NAMES)
SURE = 0.95


def decisions(iou, confidence=None, *, rule=RULE, failed=None):
    iou = np.array(iou, dtype=float)
    sure = np.where(np.isnan(iou), np.nan, SURE) if confidence is None else np.array(confidence, dtype=float)
    return decide(iou, sure, rule=rule, failed=failed)


def kept(found):
    return [row for row, one in enumerate(found) if one.kept]


def test_the_published_numbers():
    assert Thresholds.published(2) == Thresholds(
        mean_confidence=0.90, mean_iou=0.80, iou=(0.70, 0.70), confidence=(0.80, 0.80)
    )
    assert Thresholds.published(1).lowered(0.1) == Thresholds(
        mean_confidence=0.80, mean_iou=0.70, iou=(0.60,), confidence=(0.70,)
    )
    rule = Rule.as_published(NAMES)
    assert (rule.kept, rule.best, rule.lowered_by, rule.kept_lowered, rule.missed_is_absent) == (2, 5, 0.10, 1, True)


def test_the_two_of_greatest_overlap_are_kept():
    found = decisions([[0.85, 0.85], [0.95, 0.95], [0.6, 0.6], [0.9, 0.9]])
    assert kept(found) == [1, 3] and [one.rank for one in found] == [3, 1, 4, 2]
    assert [one.passes for one in found] == [True, True, False, True]
    assert found[0].reason == "passed, but 2 of greater overlap are kept"
    assert (
        "overlap of liver 0.600, below 0.700" in found[2].reason
        and "mean overlap 0.600, below 0.800" in found[2].reason
    )
    assert not any(one.lowered for one in found) and found[1].reason == ""


@pytest.mark.parametrize(
    ("iou", "confidence", "words"),
    [
        ([0.95, 0.69], [0.95, 0.95], "overlap of spleen 0.690, below 0.700"),
        ([0.78, 0.78], [0.95, 0.95], "mean overlap 0.780, below 0.800"),
        ([0.95, 0.95], [1.00, 0.79], "confidence of spleen 0.790, below 0.800"),
        ([0.95, 0.95], [0.88, 0.88], "mean confidence 0.880, below 0.900"),
        ([0.95, 0.00], [0.95, 0.00], "spleen is in the mask and was not found"),
    ],
)
def test_each_threshold_alone_can_fail_a_candidate(iou, confidence, words):
    rule = replace(RULE, kept=1)
    found = decisions([iou, [0.81, 0.81]], [confidence, [0.95, 0.95]], rule=rule)
    assert kept(found) == [1] and words in found[0].reason and not found[0].passes


def test_a_value_at_a_threshold_reaches_it_also_when_it_is_lowered():
    assert kept(decisions([[0.9, 0.7], [0.9, 0.7]], [[0.9, 0.9], [0.9, 0.9]])) == [0, 1]
    found = decisions([[0.6, 0.8]], [[0.7, 0.9]])
    assert kept(found) == [0] and found[0].lowered and not found[0].passes


def test_thresholds_are_lowered_once_and_one_is_kept():
    found = decisions([[0.75, 0.75], [0.72, 0.72], [0.55, 0.55]])
    assert kept(found) == [0] and found[0].lowered and found[0].reason == ""
    assert found[1].reason == "passed, but 1 of greater overlap is kept"
    assert "below 0.600" in found[2].reason and found[2].reason.endswith("(lowered by 0.10)")


def test_one_that_passes_is_not_enough_so_that_thresholds_are_lowered_as_published():
    found = decisions([[0.75, 0.99], [0.85, 0.85]], [[0.85, 0.85], [0.95, 0.95]])
    assert kept(found) == [0] and found[0].lowered  # mean overlap .87, but too unsure for the thresholds
    assert found[1].passes and not found[1].kept


def test_where_thresholds_are_never_lowered_those_that_pass_are_kept_however_few():
    iou = np.array([[0.95, 0.95], [0.75, 0.75]])
    strict = replace(RULE, lowered_by=0.0)
    found = decide(iou, np.full((2, 2), 0.95), rule=strict)
    assert [one.kept for one in found] == [True, False] and not any(one.lowered for one in found)
    none = decide(iou[1:], np.full((1, 2), 0.95), rule=strict)
    assert not none[0].kept and "below" in none[0].reason


def test_only_the_best_five_are_looked_at():
    iou = [[0.99 - 0.01 * row, 0.99 - 0.01 * row] for row in range(7)]
    sure = [[0.5, 0.5]] * 5 + [[0.95, 0.95]] * 2
    found = decisions(iou, sure)
    assert kept(found) == [] and found[5].passes
    assert found[5].reason == "place 6 by overlap; the best 5 are looked at"
    assert kept(decisions(iou, sure, rule=replace(RULE, best=7))) == [5, 6]


def test_a_missed_structure_fails_and_passes_as_published():
    iou, sure = [[0.9, 0.0], [0.95, 0.0]], [[0.95, 0.0], [0.95, 0.3]]
    assert kept(decisions(iou, sure)) == []
    published = decisions(iou, sure, rule=Rule.as_published(NAMES))
    assert kept(published) == [0]
    assert published[0].mean_iou == 0.9 and published[0].mean_confidence == 0.95
    nothing = decisions([[0.0, 0.0]], [[0.0, 0.0]], rule=Rule.as_published(NAMES))
    assert kept(nothing) == [] and nothing[0].mean_iou == 0.0


def test_a_structure_that_was_not_asked_for_is_not_looked_at():
    found = decisions([[0.9, np.nan], [0.85, np.nan]])
    assert kept(found) == [0, 1] and found[0].mean_iou == 0.9


def test_a_failed_check_takes_no_place_among_the_best():
    iou = [[0.99, 0.99]] * 5 + [[0.9, 0.9], [0.85, 0.85]]
    found = decisions(iou, failed=["copy of a training image"] * 5 + ["", ""])
    assert kept(found) == [5, 6] and found[0].reason == "copy of a training image"
    assert found[0].rank == 0 and not found[0].passes


def test_every_candidate_that_is_not_kept_has_a_reason_and_no_other():
    generator = np.random.default_rng(0)
    for _ in range(200):
        iou = generator.uniform(0.4, 1.0, (generator.integers(1, 12), 2))
        iou[generator.random(iou.shape) < 0.1] = 0.0
        iou[generator.random(len(iou)) < 0.2, 1] = np.nan
        sure = np.where(np.isnan(iou), np.nan, generator.uniform(0.6, 1.0, iou.shape))
        found = decisions(iou, sure, rule=replace(RULE, missed_is_absent=bool(generator.random() < 0.3)))
        assert all(bool(one.reason) != one.kept for one in found)
        assert len(kept(found)) <= 2


def test_no_candidates_no_decisions():
    assert decisions(np.empty((0, 2))) == []


def test_scores_that_do_not_fit_are_refused():
    with pytest.raises(MrisynthError, match=r"\[candidates, 2\]"):
        decisions([[0.9]])
    with pytest.raises(MrisynthError, match="the other way round"):
        decisions([[0.9, 0.9]], [[0.9, np.nan]])
    with pytest.raises(MrisynthError, match="2 candidates and 1 results"):
        decisions([[0.9, 0.9]] * 2, failed=[""])


def test_calibrated_thresholds_are_percentiles_of_real_images():
    generator = np.random.default_rng(1)
    iou = np.stack([generator.uniform(0.3, 0.6, 400), generator.uniform(0.8, 0.9, 400)], axis=1)
    sure = iou + 0.05
    iou[:100, 0] = sure[:100, 0] = np.nan
    people = [f"sub-{row // 4}" for row in range(400)]
    found = calibrate(iou, sure, structures=NAMES, participants=people, percentile=5.0)
    assert found.thresholds.iou == pytest.approx((0.315, 0.805), abs=0.01)
    assert found.thresholds.confidence == pytest.approx((0.365, 0.855), abs=0.01)
    assert found.images == (400, 300, 400) and found.participants == 100
    assert found.thresholds.mean_iou == pytest.approx(np.percentile(np.nanmean(iou, axis=1), 5), abs=1e-8)
    rule = Rule(thresholds=found.thresholds, structures=NAMES)
    assert found.real_passing == passing_share(iou, sure, rule=rule) and 0.85 < found.real_passing < 0.95
    all_pass = calibrate(iou, sure, structures=NAMES, participants=people, percentile=0.0)
    assert all_pass.real_passing == 1.0


def test_a_structure_that_no_held_out_image_has_cannot_be_calibrated():
    iou = np.array([[0.8, np.nan]] * 5)
    with pytest.raises(MrisynthError, match="spleen"):
        calibrate(iou, iou, structures=NAMES, participants=list("abcde"))
    with pytest.raises(MrisynthError, match="percentile"):
        calibrate(iou, iou, structures=NAMES, participants=list("abcde"), percentile=101)
