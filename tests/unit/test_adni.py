"""The diagnosis of a visit and the age at a scan, from the search table and ADNIMERGE."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mrisynth.cohorts.adni import diagnosis_of, read_adni
from mrisynth.cohorts.adni_listing import list_adni
from mrisynth.cohorts.tables import build_cohort
from mrisynth.errors import ConfigError, MrisynthError

SEARCH = """Image Data ID,Subject,Group,Sex,Age,Visit,Modality,Description,Type,Acq Date,Format,Downloaded
I1,002_S_0295,CN,M,85,sc,MRI,MP-RAGE,Original,4/18/2006,DCM,
I2,002_S_0295,CN,M,86,m12,MRI,MP-RAGE,Original,5/20/2007,DCM,
I3,011_S_0002,SMC,F,70,bl,MRI,MP-RAGE,Original,1/10/2010,DCM,
I4,011_S_0099,Phantom,X,,bl,MRI,MP-RAGE,Original,1/10/2010,DCM,
"""
MERGE = """RID,PTID,SITE,VISCODE,EXAMDATE,DX_bl,AGE,PTGENDER,PTEDUCAT,APOE4,DX
295,002_S_0295,2,bl,2006-05-01,CN,84.8,Male,18,1,CN
295,002_S_0295,2,m06,2006-11-01,CN,84.8,Male,18,1,
295,002_S_0295,2,m12,2007-05-22,CN,84.8,Male,18,1,MCI
295,002_S_0295,2,m24,2008-05-22,CN,84.8,Male,18,1,Dementia
2,011_S_0002,11,bl,2009-05-01,SMC,69.5,Female,-4,0,CN
"""


@pytest.fixture
def selection(tmp_path: Path, adni_image):
    adni_image("002_S_0295", "MP-RAGE", "2006-04-18_08_20_30.0", "I1")
    adni_image("002_S_0295", "MP-RAGE", "2007-05-20_08_20_30.0", "I2")
    adni_image("011_S_0002", "MP-RAGE", "2010-01-10_08_20_30.0", "I3")
    adni_image("011_S_0099", "MP-RAGE", "2010-01-10_08_20_30.0", "I4")
    (tmp_path / "search.csv").write_text(SEARCH)
    return list_adni(tmp_path / "ADNI", table=tmp_path / "search.csv")


@pytest.fixture
def merge(tmp_path: Path) -> Path:
    path = tmp_path / "ADNIMERGE.csv"
    path.write_text(MERGE)
    return path


def _shown(table: pd.DataFrame, column: str) -> list:
    return table[column].astype("object").where(table[column].notna(), None).tolist()


def test_the_diagnosis_is_that_of_the_nearest_exam_in_the_window(selection, merge) -> None:
    _, scans = read_adni(selection, adnimerge=merge, window_days=180)
    assert _shown(scans, "diagnosis") == ["CN", "MCI", None, None]  # I3: 254 days after its exam; I4: no exam
    assert _shown(scans, "days_to_exam") == [13, 2, None, None]
    assert _shown(scans, "diagnosis_source") == ["adnimerge", "adnimerge", None, None]
    _, wide = read_adni(selection, adnimerge=merge, window_days=254)
    assert _shown(wide, "diagnosis") == ["CN", "MCI", "CN", None]
    _, narrow = read_adni(selection, adnimerge=merge, window_days=5)
    assert _shown(narrow, "diagnosis") == [None, "MCI", None, None]


def test_the_age_is_that_at_the_scan(selection, merge) -> None:
    _, scans = read_adni(selection, adnimerge=merge, window_days=180)
    expected = [84.8 - 13 / 365.25, 84.8 + 384 / 365.25, 69.5 + 254 / 365.25]
    assert scans["age"].tolist()[:3] == pytest.approx(expected, abs=0.006)
    assert pd.isna(scans["age"][3])


def test_without_adnimerge_group_and_age_of_the_search_table_stand(selection, caplog) -> None:
    people, scans = read_adni(selection, adnimerge=None, window_days=180)
    assert _shown(scans, "diagnosis") == ["CN", "CN", "CN", None]
    assert set(scans["diagnosis_source"].dropna()) == {"group"}
    assert scans["age"].tolist()[:3] == [85, 86, 70]
    assert scans["visit"].tolist() == ["sc", "m12", "bl", "bl"]
    assert "Phantom" in caplog.text
    people = people.table
    assert people.set_index("participant_id")["sex"].fillna("-").to_dict() == {
        "sub-002S0295": "m",
        "sub-011S0002": "f",
        "sub-011S0099": "-",
    }
    assert people["rejected"].fillna("-").tolist() == ["-", "-", "sex=X"]


def test_people_and_a_sex_that_the_tables_dispute(selection, merge) -> None:
    people = read_adni(selection, adnimerge=merge, window_days=180)[0].table.set_index("participant_id")
    assert people.loc["sub-002S0295", ["sex", "site", "education_years", "apoe4"]].tolist() == ["m", "002", "18", "1"]
    assert people.loc["sub-011S0002"].fillna("-")[["site", "education_years", "apoe4"]].tolist() == ["011", "-", "0"]
    merge.write_text(MERGE.replace("Female", "Male"))
    people = read_adni(selection, adnimerge=merge, window_days=180)[0].table.set_index("participant_id")
    assert pd.isna(people.loc["sub-011S0002", "sex"])
    assert people.loc["sub-011S0002", "conflicts"] == "sex"


@pytest.mark.parametrize(
    ("text", "diagnosis"),
    [
        *[(word, "CN") for word in ("CN", "NL", "SMC", "cn", "MCI to NL")],
        *[(word, "MCI") for word in ("MCI", "EMCI", "LMCI", "NL to MCI", "Dementia to MCI")],
        *[(word, "AD") for word in ("AD", "Dementia", "MCI to Dementia")],
        *[(word, None) for word in ("", None, "Patient", "Volunteer", "NA")],
    ],
)
def test_diagnoses(text: str | None, diagnosis: str | None) -> None:
    assert diagnosis_of(text) == diagnosis


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("DX_bl", "DX.bl").replace("EXAMDATE", "examdate"),
        lambda text: text.replace("RID,PTID,", "RID,OTHER,"),
        lambda text: "\ufeff" + text.replace("2006-05-01", "5/1/2006"),
        lambda text: "\n".join([*text.split("\n")[:1], *reversed(text.strip().split("\n")[1:])]),
    ],
)
def test_adnimerge_comes_in_several_forms(selection, merge, change) -> None:
    merge.write_text(change(MERGE))
    _, scans = read_adni(selection, adnimerge=merge, window_days=180)
    assert _shown(scans, "diagnosis") == ["CN", "MCI", None, None]
    assert scans["age"][0] == pytest.approx(84.76, abs=0.006)


def test_a_table_that_is_not_adnimerge_is_refused_by_name(selection, merge) -> None:
    merge.write_text("RID,VISCODE\n295,bl\n")
    with pytest.raises(MrisynthError, match=r"cohort\.adni\.adnimerge: .*ADNIMERGE.csv lacks EXAMDATE, DX, AGE"):
        read_adni(selection, adnimerge=merge, window_days=180)
    with pytest.raises(ConfigError, match=r"cohort\.adni\.adnimerge: .*absent.csv"):
        read_adni(selection, adnimerge=merge.with_name("absent.csv"), window_days=180)


def test_every_image_that_is_left_out_has_a_line_in_the_log(tmp_path: Path, adni_image, caplog) -> None:
    adni_image("002_S_0295", "MP-RAGE", "2006-04-18_08_20_30.0", "I1")
    adni_image("002_S_0295", "MP-RAGE_REPEAT", "2006-04-18_08_30_30.0", "I2")
    adni_image("002_S_0295", "Sagittal_FLAIR", "2006-04-18_08_30_30.0", "I3")
    caplog.set_level("INFO")
    read_adni(list_adni(tmp_path / "ADNI", table=None), adnimerge=None, window_days=180)
    assert "left_out (repeat): I2" in caplog.text
    assert "left_out (not_t1): I3 (Sagittal_FLAIR)" in caplog.text


def test_the_tables_of_the_cohort_carry_each_visit(selection, merge) -> None:
    people, values = read_adni(selection, adnimerge=merge, window_days=180)
    fractions = {"test": 0.0, "validation": 0.0}
    participants, scans = build_cohort(
        selection.scans, people.table, source="adni", seed=1, fractions=fractions, scan_values=values
    )
    assert _shown(scans, "diagnosis") == ["CN", "MCI", None, None]
    assert scans["visit"].tolist() == ["sc", "m12", "bl", "bl"]
    assert scans["site"].tolist() == ["002", "002", "011", "011"]
    assert scans["image"].tolist() == ["I1", "I2", "I3", "I4"]
    first = participants.set_index("participant_id").loc["sub-002S0295"]
    assert (first["diagnosis"], first["age"], first["apoe4"]) == ("CN", 84.76, "1")
    assert "days_to_exam" not in participants
