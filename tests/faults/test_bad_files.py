"""Every kind of bad file among good ones: each is a row with its reason, the others finish, none is lost."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from mrisynth.files import read_json
from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.recipes import ExtractionRecipe

CASES = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "test_volume.py"))
BAD = {case: make for case, make in CASES["BAD"].items() if case != "too_large"}  # small, but for a limit of its test


@pytest.fixture
def scans(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "raw"
    folder.mkdir()
    names = {f"bad-{number:02d}": case for number, case in enumerate(BAD)}
    made = {name: BAD[case](folder / f"{name}_T1w.nii.gz") for name, case in names.items()}
    for name in ("a-good", "bad-07-good", "z-good"):  # first, in the middle and last
        made[name] = CASES["saved"](CASES["head"](shape=(44, 50, 40)), folder / f"{name}_T1w.nii.gz")
    return dict(sorted(made.items()))


@pytest.mark.fault(11)
def test_each_bad_file_is_a_row_with_its_reason_and_the_others_finish(scans: dict[str, Path], tmp_path: Path) -> None:
    recipe = ExtractionRecipe(already_extracted=True, voxel_mm=4.0)
    table = extract_bundle(scans, tmp_path / "out", recipe=recipe).set_index("scan")
    assert len(table) == len(scans) == len(BAD) + 3  # in = passed + excluded
    assert set(table.index[table["status"] == "measured"]) == {"a-good", "bad-07-good", "z-good"}
    expected = {f"bad-{number:02d}": case.split("-")[0] for number, case in enumerate(BAD)}
    found = table.loc[list(expected), "reason"].to_dict()
    header_cut = next(name for name, case in zip(expected, BAD, strict=True) if case == "truncated-in-header")
    assert found.pop(header_cut) in ("truncated", "unreadable")
    expected.pop(header_cut)
    assert found == expected
    records = {path.parent.name: read_json(path) for path in (tmp_path / "out").glob("*/*.json")}
    assert set(records) == set(scans)
    for name, record in records.items():
        assert record["reason"] == table.loc[name, "reason"]
        assert ("_T1w.nii.gz" in record["message"]) == (record["status"] == "excluded")
