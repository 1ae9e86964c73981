"""What a cohort of any kind knows, and the table of what became of its images."""

from __future__ import annotations

from pathlib import Path

from mrisynth.cohorts import listing
from mrisynth.cohorts.knowledge import read_knowledge
from mrisynth.cohorts.restricted import select_scans

TIME = "2006-04-18_08_20_30.0"
SETTINGS = {
    "accept_data_use_agreement": True,
    "adnimerge": None,
    "window_days": 180,
    "repeats": "first",
    "descriptions": None,
}


def test_adni_knows_scans_and_says_what_first_scans_left_out(tmp_path: Path, adni_image) -> None:
    for number in range(3):
        adni_image(f"002_S_000{number}", "MP-RAGE", TIME, f"I{number}")
    adni_image("002_S_0000", "FLAIR", TIME, "I9")
    cohort = {"name": "adni", "folder": str(tmp_path), "demographics": None, "adni": SETTINGS}
    files = select_scans(cohort).scans[:2]
    known = read_knowledge(cohort, [], scan_files=files, seed=1)
    assert known.scans is not None
    assert known.scans["image"].tolist() == ["I0", "I1", "I2"]
    table = known.selection.set_index("image").fillna("-")
    assert table["status"].to_dict() == {"I0": "taken", "I9": "left_out", "I1": "taken", "I2": "left_out"}
    assert table["reason"].to_dict() == {"I0": "-", "I9": "not_t1", "I1": "-", "I2": "first_scans"}
    assert table["scan"].to_dict() == {
        "I0": "002S0000-20060418-I0",
        "I9": "-",
        "I1": "002S0001-20060418-I1",
        "I2": "-",
    }


def test_other_cohorts_take_what_is_listed() -> None:
    cohort = {"name": "simulated", "participants": 3}
    known = read_knowledge(cohort, [], scan_files=listing.list_simulated(3), seed=1)
    assert known.scans is None
    assert len(known.people) == 3
    assert known.selection["scan"].tolist() == ["sub-0001", "sub-0002", "sub-0003"]
    assert set(known.selection["status"]) == {"taken"}
