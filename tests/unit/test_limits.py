"""Limits of quality: given, learned, judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, write_table
from mrisynth.imaging.limits import MEASURES, Limit, judge, limits_of_study, table_of
from mrisynth.imaging.verdicts import check_excluded_fraction, counts_table, summarise

GOOD = {"brain_ml": 1400.0, "cut_fraction": 0.0, "overlap": 0.96, "correlation": 0.65, "volume_ratio": 0.75}
GOOD |= {"outside_fraction": 0.0, "orientation_margin": 0.12, "rotation_deg": 12.0, "bias": 0.16}
GOOD |= {"intensity_range": 1.2, "clipped_fraction": 0.0}


def defaults(transform: str = "affine", **configured: tuple[float | None, float | None]) -> list[Limit]:
    return limits_of_study(pd.DataFrame(), configured=configured, learn=True, transform=transform)


@pytest.mark.fault(15)
def test_a_good_scan_passes():
    assert judge(GOOD, defaults()) == ("", "")


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("brain_ml", 280.0),  # a fifth of a brain
        ("brain_ml", 4200.0),
        ("cut_fraction", 0.1),
        ("overlap", 0.89),
        ("correlation", 0.3),
        ("orientation_margin", -0.1),
        ("volume_ratio", 0.25),
        ("volume_ratio", 2.0),
        ("rotation_deg", 90.0),
        ("outside_fraction", 0.01),
        ("intensity_range", 0.1),
        ("clipped_fraction", 0.3),
        ("bias", 0.9),
        ("folds", 0.01),
    ],
)
def test_each_measure_has_a_limit_and_a_sentence(measure: str, value: float):
    reason, message = judge(GOOD | {measure: value}, defaults())
    assert reason == measure
    assert message.startswith(f"The {MEASURES[measure].meaning} is ") and message.endswith("(default).")


def test_the_first_measure_is_the_reason_and_all_are_told():
    reason, message = judge(GOOD | {"brain_ml": 100.0, "overlap": 0.2, "correlation": 0.1}, defaults())
    assert reason == "brain_ml"
    assert message.count("The ") == 3


def test_what_was_not_measured_is_not_judged():
    assert judge({"brain_ml": 1400.0, "bias": float("nan")}, defaults()) == ("", "")


def test_limits_of_the_configuration_and_of_the_transform():
    small_head = GOOD | {"overlap": 0.73}
    assert judge(small_head, defaults("rigid")) == ("", "")
    assert judge(small_head, defaults("affine"))[0] == "overlap"
    assert judge(small_head, defaults(overlap=(0.7, None))) == ("", "")
    assert judge(small_head, defaults(overlap=(None, None))) == ("", "")
    assert "(config)" in judge(GOOD, defaults(overlap=(0.99, None)))[1]


def cohort(count: int, **changes: float) -> pd.DataFrame:
    drawn = np.random.default_rng(count)
    spread = {"overlap": 0.004, "correlation": 0.04, "orientation_margin": 0.006, "bias": 0.02, "intensity_range": 0.03}
    table = pd.DataFrame({name: drawn.normal(value, spread.get(name, 0), count) for name, value in GOOD.items()})
    for name, value in changes.items():
        table.loc[: count // 10, name] = value
    return table


def test_a_cohort_makes_limits_stricter_and_never_laxer():
    learned = {
        limit.measure: limit for limit in limits_of_study(cohort(200), configured={}, learn=True, transform="affine")
    }
    assert learned["overlap"].source == "learned" and 0.92 < learned["overlap"].low < 0.945
    assert learned["brain_ml"].source == "default"
    wide = {
        limit.measure: limit
        for limit in limits_of_study(cohort(200) * 0.9, configured={}, learn=True, transform="affine")
    }
    assert wide["overlap"].low == 0.92


@pytest.mark.fault(15)
def test_limits_hardly_move_when_a_tenth_of_the_cohort_is_bad():
    good = limits_of_study(cohort(200), configured={}, learn=True, transform="affine")
    bad = limits_of_study(cohort(200, overlap=0.3, bias=2.0), configured={}, learn=True, transform="affine")
    for one, other in zip(good, bad, strict=True):
        for side in ("low", "high"):
            a, b = getattr(one, side), getattr(other, side)
            assert (a is None) == (b is None)
            assert a is None or abs(a - b) < 0.02 + 0.05 * abs(a), one.measure


def test_too_few_scans_teach_nothing():
    found = limits_of_study(cohort(19), configured={}, learn=True, transform="affine")
    assert {limit.source for limit in found} == {"default"}
    off = limits_of_study(cohort(200), configured={}, learn=False, transform="affine")
    assert {limit.source for limit in off} == {"default"}


def bundle(folder: Path, name: str, rows: list[dict]) -> Path:
    write_table(pd.DataFrame(rows), folder / f"{name}.tsv")
    return folder / f"{name}.tsv"


def row(scan: str, status: str = "measured", reason: str | None = None, message: str | None = None, **measures: float):
    return {"scan": scan, "status": status, "reason": reason, "message": message} | GOOD | measures


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    nothing = dict.fromkeys(GOOD)
    first = [
        row("c"),
        row("a", brain_ml=20.0),
        row("torn", "excluded", "truncated", "torn.nii is cut short.", **nothing),
    ]
    lost = nothing | {"brain_ml": 30.0}
    second = [row("b"), row("lost", "excluded", "registration_failed", "lost: ANTs gave up.", **lost)]
    second += [row("dead", "excluded", "crashed", "dead: the process died.", **lost), row("dull")]
    return [bundle(tmp_path, "one", first), bundle(tmp_path, "two", second)]


def test_all_scans_are_judged_and_counted(tables: list[Path], tmp_path: Path):
    by_hand = tmp_path / "exclusions.tsv"
    by_hand.write_text("scan\treason\ndull\tmoved\nunknown\tno scan of this study\n")
    quality, limits = summarise(tables, exclusions=by_hand, configured={}, learn=True, transform="affine")
    assert list(quality["scan"]) == ["a", "b", "c", "dead", "dull", "lost", "torn"]
    reasons = dict(zip(quality["scan"], quality["reason"].fillna(""), strict=True))
    assert reasons == {
        "a": "brain_ml", "b": "", "c": "", "dead": "crashed", "dull": "by_hand", "lost": "brain_ml", "torn": "truncated"
    }  # fmt: skip
    messages = quality.set_index("scan")["message"]
    assert "ANTs gave up" in messages["lost"] and "expected 850 to 2200 mL" in messages["lost"]
    assert messages["dull"] == "moved"
    counts = counts_table(quality).set_index("outcome")["scans"]
    assert counts["in"] == counts["passed"] + counts["excluded"].iloc[0] == 7
    assert counts["excluded"].iloc[0] == counts["excluded"].iloc[1:].sum() == 5
    write_table(table_of(limits), tmp_path / "limits.tsv")
    assert list(read_table(tmp_path / "limits.tsv").columns) == ["measure", "low", "high", "unit", "meaning", "source"]


def test_too_many_exclusions_stop_the_study_with_the_list(tables: list[Path]):
    quality, _ = summarise(tables, exclusions=None, configured={}, learn=True, transform="affine")
    check_excluded_fraction(quality, 0.6, where="verdicts.tsv")
    with pytest.raises(MrisynthError, match="7 scans = 3 passed \\+ 4 excluded") as error:
        check_excluded_fraction(quality, 0.5, where="verdicts.tsv")
    assert "torn: truncated" in str(error.value)
    assert "all verdicts are in verdicts.tsv" in str(error.value)
