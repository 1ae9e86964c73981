"""Several cohorts in one study: names, one table of what each knows, terms, and errors that name the member."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from support.several_cohorts import write_bids

from mrisynth.cohorts.joining import read_study_knowledge
from mrisynth.cohorts.several import errors_of, in_member, in_study, member_of, member_seed, sources_of, told_of
from mrisynth.cohorts.sources import list_study
from mrisynth.cohorts.splits import balance_table
from mrisynth.cohorts.tables import build_cohort
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.redistribution import decide_all
from mrisynth.study import Study

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
TINY = yaml.safe_load((ROOT / "tests" / "config" / "tiny.yaml").read_text())
RIGHT = {"allowed": True, "basis": "ethics 12/34"}


def study(cohort: dict[str, Any]) -> Study:
    return Study.read(TINY | {"cohort": cohort}, schema=SCHEMA, source="my.yaml")


def several(**members: dict[str, Any]) -> dict[str, Any]:
    return {"name": "several", "members": members}


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Any]:
    """Two BIDS data sets with the same subjects, of whom they know different things."""
    one = write_bids(tmp_path / "one", {"age": [30 + n for n in range(12)], "ventricles": [n / 10 for n in range(12)]})
    sexes = ["m", "f"] * 6
    other = write_bids(tmp_path / "other", {"age": [60 + n for n in range(12)], "sex": sexes, "site": ["7"] * 12})
    return several(ukb={"name": "bids", "folder": str(one)}, adni={"name": "bids", "folder": str(other)})


def tables(made: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    cohort = told_of(made.config["cohort"])
    known = read_study_knowledge(cohort, scan_files=made.scans, seed=made.seed)
    return build_cohort(
        made.scans,
        known.knowledge.people,
        source=known.source,
        seed=made.seed,
        fractions={"test": 0.25, "validation": 0.25},
        stratify=known.stratify,
        scan_values=known.knowledge.scans,
    )


def test_every_name_has_its_member_in_front_and_finds_back(two: dict[str, Any]) -> None:
    scans = study(two).scans
    assert len({scan.scan for scan in scans}) == len({scan.participant_id for scan in scans}) == 24
    assert {scan.scan for scan in scans} == {f"{name}-sub-{n:02d}" for name in ("ukb", "adni") for n in range(12)}
    assert all(member_of(scan.scan) == member_of(scan.participant_id) == scan.member for scan in scans)
    assert all(in_study(scan.member, in_member(scan)) == scan for scan in scans)
    assert {in_member(scan).scan for scan in scans} == {f"sub-{n:02d}" for n in range(12)}


def test_a_member_more_renames_and_moves_nobody(two: dict[str, Any]) -> None:
    alone = two | {"stratify": []}
    more = alone | {"members": two["members"] | {"drawn": {"name": "simulated", "participants": 5}}}
    first, second = (tables(study(cohort))[0].set_index("participant_id")["split"] for cohort in (alone, more))
    assert len(second) == len(first) + 5
    assert second[first.index].equals(first)


def test_one_scans_table_with_gaps(two: dict[str, Any]) -> None:
    people, scans = tables(study(two))
    assert scans["source"].value_counts().to_dict() == {"ukb": 12, "adni": 12}
    assert list(people.columns[:2]) == ["participant_id", "source"]
    by_source = scans.groupby("source")
    assert by_source["ventricles"].count().to_dict() == {"adni": 0, "ukb": 12}
    assert by_source["sex"].count().to_dict() == by_source["site"].count().to_dict() == {"adni": 12, "ukb": 0}
    known = scans.set_index("scan")
    assert known.loc["ukb-sub-03", "age"] == 33 and known.loc["adni-sub-03", "age"] == 63
    assert float(known.loc["ukb-sub-03", "ventricles"]) == 0.3
    thirds = scans.groupby("age_tercile")["source"].agg(set).to_dict()
    assert thirds == {"low": {"ukb"}, "middle": {"ukb", "adni"}, "high": {"adni"}}, "cut over all members together"


def test_splits_hold_within_each_source_however_small_its_strata(two: dict[str, Any]) -> None:
    people, _ = tables(study(two | {"stratify": ["age"]}))
    assert people.groupby(["source", "age"]).ngroups == len(people), "every stratum is one person"
    counts = people.groupby(["source", "split"]).size().unstack()
    assert counts.loc["adni"].to_dict() == counts.loc["ukb"].to_dict() == {"test": 3, "train": 6, "validation": 3}
    balance = balance_table(people)
    shares = balance[balance["variable"] == "source"].set_index(["level", "split"])["participants"]
    assert shares["ukb", "train"] == shares["adni", "train"] == 6


def test_a_member_is_read_by_its_own_rules_and_its_log_has_its_name(tmp_path: Path, two: dict[str, Any]) -> None:
    table = tmp_path / "one" / "participants.tsv"
    table.write_text(table.read_text() + "sub-00\t99\t0.0\nsub-77\t40\t0.1\n")
    made = study(two)
    known = read_study_knowledge(told_of(made.config["cohort"]), scan_files=made.scans, seed=1).knowledge
    conflict = next(entry for entry in known.merged.log if entry.what == "conflict")
    assert conflict.participant_id == "ukb-sub-00" and conflict.in_words.startswith("ukb: ")
    assert "ukb-sub-77" in set(known.people["participant_id"])
    assert known.selection["source"].value_counts().to_dict() == {"ukb": 12, "adni": 12}
    assert set(known.selection["scan"]) == {scan.scan for scan in made.scans}


def test_simulated_members_are_different_people() -> None:
    made = study(several(**{name: {"name": "simulated", "participants": 6} for name in ("a", "b")}))
    people, _ = tables(made)
    ages = people.groupby("source")["age"].agg(list)
    assert ages["a"] != ages["b"]
    assert member_seed(1, "a") != member_seed(1, "b") and member_seed(1, "") == 1
    paths = {scan.scan: str(scan.path) for scan in made.scans}
    assert "/simulated/a/bundle-" in paths["a-sub-0001"] and paths["a-sub-0001"].endswith("/sub-0001_T1w.nii.gz")


def test_members_are_whole_cohorts(two: dict[str, Any]) -> None:
    config = study(two).config["cohort"]
    assert sources_of(config)["ukb"]["adni"]["window_days"] == 180
    assert sources_of(config)["ukb"]["stratify"] == config["stratify"]
    assert list(sources_of({"name": "simulated", "participants": 3})) == [""]
    stated = {name: member | {"redistribution": RIGHT} for name, member in two["members"].items()}
    assert told_of(study(several(**stated)).config["cohort"]) == told_of(config), "terms make no table again"


def test_first_scans_are_of_a_member(two: dict[str, Any]) -> None:
    two["members"]["ukb"]["first_scans"] = 2
    assert [scan.scan for scan in study(two).scans if scan.member == "ukb"] == ["ukb-sub-00", "ukb-sub-01"]


@pytest.mark.fault(7)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"folder": "/x"}, r"my.yaml: cohort.folder is given, but .* several: .* cohort.members.adni.folder"),
        ({"participants": 3}, r"cohort.participants is given, but cohort.name is several"),
        ({"members": {}}, r"cohort.members has 0 entries"),
        ({"name": "simulated"}, r"cohort.members is given, but cohort.name is simulated; write several"),
        ({"redistribution": RIGHT}, r"are stated of each member, cohort.members.adni.redistribution"),
        ({"members": {"a": {"name": "images"}, "b": {"name": "simulated"}}}, r"cohort.members.a.name is 'images'; exp"),
        ({"members": {"a": {"name": "several"}, "b": {"name": "simulated"}}}, r"members.a.name is 'several'; expected"),
        ({"members": {"a": {"name": "ixi"}, "b": {"name": "simulated"}}}, r"cohort.members.a.folder is missing; a mem"),
        ({"members": {"a": {"name": "bids", "fodler": "x"}}}, r"unknown key cohort.members.a.fodler; did you mean fol"),
        ({"members": {"a-b": {"name": "simulated"}}}, r"a-b.* does not match"),
    ],
)
def test_what_makes_no_sense_is_refused(two: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        study(two | change)


@pytest.mark.fault(7)
def test_one_folder_twice_is_refused(two: dict[str, Any]) -> None:
    two["members"]["ukb"]["folder"] = two["members"]["adni"]["folder"] + "/../other"
    with pytest.raises(ConfigError, match=r"members\.ukb\.folder and cohort\.members\.adni\.folder are the same"):
        study(two)


@pytest.mark.fault(7)
def test_errors_name_the_keys_of_the_member(two: dict[str, Any], tmp_path: Path) -> None:
    two["members"]["ukb"]["folder"] = str(tmp_path / "cohort.folder")
    with pytest.raises(ConfigError, match=rf"^cohort\.members\.ukb\.folder: {tmp_path}/cohort\.folder should be the"):
        _ = study(two).scans
    two["members"]["ukb"] = {"name": "adni", "folder": str(tmp_path)}
    with pytest.raises(ConfigError, match=r"my.yaml: cohort\.members\.ukb\.adni\.accept_data_use_agreement is false"):
        _ = study(two).scans
    with pytest.raises(MrisynthError, match=r"^cohort\.members\.ukb: line 3 is torn"), errors_of("ukb"):
        raise MrisynthError("line 3 is torn")


@pytest.mark.fault(16)
def test_a_table_of_a_member_that_describes_nobody_is_refused(two: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "one" / "participants.tsv").write_text("participant_id\tage\nsub-900\t30\n")
    with pytest.raises(MrisynthError, match=r"members\.ukb: participants.tsv describes none of the 12 participants"):
        tables(study(two))


@pytest.mark.fault(27)
def test_results_may_be_passed_on_only_where_every_member_says_so(two: dict[str, Any]) -> None:
    members = two["members"] | {"drawn": {"name": "simulated", "participants": 2}}
    terms = study(several(**members)).redistribution
    assert not terms.allowed and "adni and ukb: nobody has said" in terms.basis and "drawn" not in terms.basis
    with pytest.raises(MrisynthError, match=r"`cohort\.members\.NAME\.redistribution: \{allowed: true"):
        terms.require("The export")
    stated = {name: member | {"redistribution": RIGHT} for name, member in two["members"].items()}
    terms = study(several(**stated, drawn=members["drawn"])).redistribution
    assert terms.allowed
    assert "(adni and ukb: the user states: ethics 12/34; drawn: nobody was scanned)" in terms.words
    assert "drawn: Simulated from the ICBM" in terms.attribution
    assert "adni and ukb: nobody was stated" in terms.attribution
    refused = several(**stated) | {"redistribution": {"allowed": False}}
    assert not study(refused).may_be_exported


@pytest.mark.fault(27)
def test_licences_of_all_members_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "T1"
    folder.mkdir()
    (folder / "IXI002-Guys-0828-T1.nii.gz").touch()
    members = {"ixi": {"name": "ixi", "folder": str(folder)}, "drawn": {"name": "simulated", "participants": 2}}
    terms = study(several(**members)).redistribution
    assert terms.allowed and terms.licence == "drawn: none stated; ixi: CC BY-SA 3.0"
    assert "brain-development.org" in terms.attribution and "ICBM 152" in terms.attribution
    (folder / "mine_T1.nii.gz").touch()
    assert not study(several(**members)).may_be_exported, "other scans in a folder of IXI"


def test_a_right_on_nobodys_word_names_the_member(two: dict[str, Any]) -> None:
    two["members"]["ukb"]["redistribution"] = {"allowed": True}
    with pytest.raises(ConfigError, match=r"my\.yaml: cohort\.members\.ukb\.redistribution\.allowed is true but"):
        study(two)


def test_one_cohort_is_decided_as_before() -> None:
    config = study({"name": "simulated", "participants": 3}).config["cohort"]
    assert decide_all(config).cohort == "simulated" and decide_all(config).licence is None
    assert [scan.member for scan in list_study(config, source="x")] == [""] * 3
