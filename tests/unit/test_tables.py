"""The participants table and the scans table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.cohorts import listing
from mrisynth.cohorts.bids import read_participants
from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.tables import age_tercile_bounds_years, build_cohort
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, sha256_of, write_table

FRACTIONS = {"test": 0.2, "validation": 0.1}


def _bids(folder: Path) -> Path:
    for name in (
        "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz",
        "sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz",
        "sub-02/anat/sub-02_T1w.nii.gz",
        "sub-03/anat/sub-03_T1w.nii.gz",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    rows = ["sub-01\tM\t20\tA\t1.5", "sub-02\tF\t40\tB\t2", "sub-04\tF\t60\tA\tn/a", "sub-05\tM\t80\tA\t3"]
    (folder / "participants.tsv").write_text("participant_id\tsex\tage\tsite\tdose\n" + "\n".join(rows) + "\n")
    return folder


def test_bids_folder_to_tables(tmp_path: Path) -> None:
    folder = _bids(tmp_path / "data")
    participants, scans = build_cohort(
        listing.list_bids(folder), read_participants(folder), source="bids", seed=1, fractions=FRACTIONS
    )
    assert participants["participant_id"].tolist() == ["sub-01", "sub-02", "sub-03"]
    assert scans["scan"].tolist() == ["sub-01-ses-1", "sub-01-ses-2", "sub-02", "sub-03"]
    assert scans["visit"].fillna("-").tolist() == ["1", "2", "-", "-"]
    assert scans["age_tercile"].fillna("-").tolist() == ["low", "low", "low", "-"]  # cuts of all persons: 40 and 60
    assert participants.loc[2, ["sex", "age", "age_tercile", "site"]].isna().all()
    assert scans["site"].fillna("-").tolist() == ["A", "A", "B", "-"]
    assert scans["dose"].fillna("-").tolist() == ["1.5", "1.5", "2", "-"]
    assert scans.loc[2, "sha256"] == sha256_of(folder / "sub-02/anat/sub-02_T1w.nii.gz")
    assert set(participants["source"]) == {"bids"}
    assert participants.columns[-1] == "split"


def test_tables_survive_a_round_trip(tmp_path: Path) -> None:
    folder = _bids(tmp_path / "data")
    for table in build_cohort(
        listing.list_bids(folder), read_participants(folder), source="bids", seed=1, fractions=FRACTIONS
    ):
        write_table(table, tmp_path / "t.tsv")
        again = read_table(tmp_path / "t.tsv", visit="string", dose="string")
        pd.testing.assert_frame_equal(
            again.astype("object").fillna("-"), table.astype("object").fillna("-"), check_dtype=False
        )


def test_site_of_ixi_comes_from_the_file_name_and_a_missing_file_has_no_checksum(tmp_path: Path) -> None:
    present = tmp_path / "IXI012-HH-1211-T1.nii.gz"
    present.write_bytes(b"x")
    files = [
        ScanFile("IXI012-HH-1211", "IXI012", present, present.name),
        ScanFile("IXI020-Guys-0700", "IXI020", tmp_path / "IXI020-Guys-0700-T1.nii.gz", "IXI020-Guys-0700-T1.nii.gz"),
    ]
    known = pd.DataFrame({"participant_id": ["IXI020"], "sex": ["m"], "age": [30.0], "site": ["elsewhere"]})
    _, scans = build_cohort(files, known, source="ixi", seed=0, fractions={"test": 0, "validation": 0})
    assert scans["site"].tolist() == ["HH", "Guys"]
    assert scans["sha256"].notna().tolist() == [True, False]
    assert scans["t1w"].tolist()[1].endswith("IXI020-Guys-0700-T1.nii.gz")
    assert set(scans["split"]) == {"train"}


def test_simulated_participants_keep_their_truth() -> None:
    known = pd.DataFrame(
        {
            "participant_id": [f"sub-{n:04d}" for n in range(1, 31)],
            "scan": [f"sub-{n:04d}" for n in range(1, 31)],
            "source": "simulated",
            "sex": ["m", "f"] * 15,
            "age": np.linspace(20, 80, 30),
            "site": "A",
            "diagnosis": "control",
            "ventricles": np.linspace(0, 1, 30),
        }
    )
    participants, scans = build_cohort(
        listing.list_simulated(30), known, source="simulated", seed=0, fractions=FRACTIONS
    )
    assert participants["age_tercile"].value_counts().to_dict() == {"low": 10, "middle": 10, "high": 10}
    assert np.allclose(scans["ventricles"], known["ventricles"])
    assert scans.columns.tolist().count("scan") == 1
    assert set(participants["diagnosis"]) == {"control"}


def _random_table(generator: np.random.Generator) -> tuple[list[ScanFile], pd.DataFrame, pd.DataFrame | None]:
    """Some persons with one to three visits of one to three scans; some rows lack their person, some their scan."""
    people = [f"sub-{n:03d}" for n in generator.choice(500, size=int(generator.integers(5, 25)), replace=False)]
    files = [
        ScanFile(f"{person}-ses-{visit}-run-{run}", person, None)
        for person in people
        for visit in range(int(generator.integers(1, 4)))
        for run in range(int(generator.integers(1, 4)))
    ]
    rows = [*generator.permutation(people)[1:], *(f"sub-{n}" for n in range(500, 510))]
    known = pd.DataFrame({"participant_id": rows, "age": generator.uniform(18, 90, len(rows))})
    named = [file.scan for file in files if generator.random() < 0.8]
    ages = generator.uniform(18, 90, len(named))
    values = pd.DataFrame({"scan": named, "age": ages, "diagnosis": generator.choice(["CN", "MCI", "AD"], len(named))})
    return files, known, values if generator.random() < 0.7 else None


@pytest.mark.fault(16)
@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_no_participant_is_in_two_splits_and_more_scans_move_nobody(first: int) -> None:
    refused = 0
    for case in range(first, first + 100):
        files, known, values = _random_table(np.random.default_rng(case))
        settings = {"source": "adni", "seed": case, "fractions": {"test": 0.3, "validation": 0.2}}
        try:
            participants, scans = build_cohort(files, known, **settings, scan_values=values)
        except MrisynthError as error:
            assert "train split" in str(error)  # a handful of participants can all fall elsewhere
            refused += 1
            continue
        split_of = dict(zip(participants["participant_id"], participants["split"], strict=True))
        assert len(split_of) == len(participants)
        assert set(split_of) == {file.participant_id for file in files}
        assert sorted(scans["scan"]) == sorted(file.scan for file in files)
        pairs = set(zip(scans["participant_id"], scans["split"], strict=True))
        assert pairs == set(split_of.items())  # one split a person, the same in both tables
        some = files[len(files) // 2 :]
        if case % 10 == 0 and "train" in {split_of[file.participant_id] for file in some}:
            few, few_scans = build_cohort(some, known, **settings, scan_values=values)
            assert dict(zip(few["participant_id"], few["split"], strict=True)).items() <= split_of.items()
            assert set(few_scans["scan"]) <= set(scans["scan"])
    assert refused < 10


def test_what_is_known_of_a_scan_stands_before_what_is_known_of_its_person() -> None:
    files = [ScanFile(f"{who}-{when}", f"sub-{who}", None) for who in "abc" for when in (2006, 2007)]
    known = pd.DataFrame(
        {"participant_id": ["sub-a", "sub-b", "sub-c"], "sex": ["m", "f", "m"], "age": [None, None, 50.0]}
    )
    values = pd.DataFrame(
        {
            "scan": ["a-2007", "a-2006", "b-2007", "x-2006"],
            "visit": ["m12", "bl", "m12", "bl"],
            "age": [71.0, 70.0, 61.0, 99.0],
            "diagnosis": ["MCI", "CN", "AD", "AD"],
            "image": ["I2", "I1", "I3", "I9"],
        }
    )
    fractions = {"test": 0.0, "validation": 0.0}
    participants, scans = build_cohort(files, known, source="adni", seed=0, fractions=fractions, scan_values=values)
    assert scans["scan"].tolist() == ["a-2006", "a-2007", "b-2006", "b-2007", "c-2006", "c-2007"]
    assert scans["age"].fillna(-1).tolist() == [70, 71, -1, 61, 50, 50]
    assert scans["diagnosis"].fillna("-").tolist() == ["CN", "MCI", "-", "AD", "-", "-"]
    assert scans["visit"].fillna("-").tolist() == ["bl", "m12", "-", "m12", "-", "-"]
    assert scans["image"].fillna("-").tolist() == ["I1", "I2", "-", "I3", "-", "-"]
    assert scans["sex"].tolist() == ["m", "m", "f", "f", "m", "m"]
    assert participants["age"].fillna(-1).tolist() == [70, -1, 50]  # of the first scan, not of the first one known
    assert participants["diagnosis"].fillna("-").tolist() == ["CN", "-", "-"]
    assert participants["age_tercile"].fillna("-").tolist() == ["high", "-", "low"]  # cut at the participants' ages
    assert scans["age_tercile"].fillna("-").tolist() == ["high", "high", "-", "middle", "low", "low"]
    assert "image" not in participants
    with pytest.raises(MrisynthError, match="a-2006 are given twice"):
        build_cohort(
            files, known, source="adni", seed=0, fractions=fractions, scan_values=pd.concat([values, values[1:2]])
        )


def test_terciles_are_cut_over_persons_with_an_age() -> None:
    lower, upper = age_tercile_bounds_years(pd.Series([20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, None]))
    assert (lower, upper) == (40.0, 60.0)
    assert all(np.isnan(bound) for bound in age_tercile_bounds_years(pd.Series([None, None], dtype="float64")))


@pytest.mark.fault(16)
def test_repeated_rows_and_scans_are_refused() -> None:
    file = ScanFile("sub-01", "sub-01", None)
    twice = pd.DataFrame({"participant_id": ["sub-01", "sub-01"], "age": [30.0, 31.0]})
    with pytest.raises(MrisynthError, match="sub-01 twice"):
        build_cohort([file], twice, source="bids", seed=0, fractions=FRACTIONS)
    with pytest.raises(MrisynthError, match="sub-01 is listed twice"):
        build_cohort([file, file], twice.head(1), source="bids", seed=0, fractions=FRACTIONS)
    with pytest.raises(MrisynthError, match="participant_id"):
        build_cohort([file], twice[["age"]], source="bids", seed=0, fractions=FRACTIONS)


@pytest.mark.fault(16)
def test_a_table_that_describes_nobody_with_a_scan_is_refused() -> None:
    files = [ScanFile(f"sub-{n:02d}", f"sub-{n:02d}", None) for n in range(1, 20)]
    mangled = pd.DataFrame({"participant_id": [f"sub-{n}" for n in range(1, 10)], "age": 30.0})
    with pytest.raises(MrisynthError, match="such as sub-1, the scans such as sub-01"):
        build_cohort(files, mangled, source="bids", seed=0, fractions=FRACTIONS)
    build_cohort(files, mangled.head(0), source="bids", seed=0, fractions=FRACTIONS)
    build_cohort(files, mangled, source="ixi", seed=0, fractions=FRACTIONS)


def test_an_empty_train_split_names_the_keys() -> None:
    files = [ScanFile("sub-01", "sub-01", None)]
    with pytest.raises(MrisynthError, match=r"cohort\.test_fraction"):
        for seed in range(200):
            build_cohort(files, pd.DataFrame({"participant_id": []}), source="bids", seed=seed, fractions=FRACTIONS)


def test_missing_rows_and_identical_files_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = []
    for name in ("sub-01", "sub-02", "sub-03"):
        path = tmp_path / f"{name}.nii.gz"
        path.write_bytes(b"same" if name != "sub-03" else b"other")
        files.append(ScanFile(name, name, path))
    known = pd.DataFrame({"participant_id": ["sub-01"], "age": [30.0]})
    build_cohort(files, known, source="bids", seed=0, fractions={"test": 0, "validation": 0})
    assert "2 participants have no row in the demographics: sub-02, sub-03" in caplog.text
    assert "sub-01 and sub-02 are identical" in caplog.text
