"""Matched cases and controls as rules: planned, and run on tables and volumes that stand in for preprocessing."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml

from mrisynth.conditions import read_condition
from mrisynth.files import read_table, write_table
from mrisynth.slices.slice_set import open_slices

pytestmark = pytest.mark.workflow
SIZE, PEOPLE = 32, 60
FOLDER = "studies/matched"
RULES = ("match_participants", "cut_slices", "make_condition", "export_exchange")
ASKED = {
    "folder": FOLDER,
    "slices": {
        "positions": [{"plane": "axial", "mm": [-17, 10]}],
        "sizes": [8],
        "matching": {"case": "atrophy", "control": "control", "caliper_years": 6},
        "exchange": "diagnosis",
    },
    "conditions": {"diagnosis": {"kind": "categorical", "columns": ["diagnosis"]}},
    "models": {"r3gan": {"family": "r3gan", "condition": "diagnosis", "size": 16, "allow_cpu": True}},
}


@pytest.fixture(scope="module")
def study(clean_clone: Path, tmp_path_factory) -> Path:
    """A clone with the configuration of a matched study, its tables, and volumes of noise of all but two persons."""
    clone = Path(shutil.copytree(clean_clone, tmp_path_factory.mktemp("own") / "clone", symlinks=True))
    shared = yaml.safe_load((clone / "tests/config/slices.yaml").read_text())
    kept = {key: shared[key] for key in ("seed", "cohort", "preprocessing", "sampling", "features", "clustering")}
    (clone / "matched.yaml").write_text(yaml.safe_dump(kept | {"evaluation": {"features": ["random"]}} | ASKED))
    generator = np.random.default_rng(3)
    people = pd.DataFrame(
        {
            "participant_id": [f"sub-{number:02d}" for number in range(PEOPLE)],
            "sex": ["m", "f"] * (PEOPLE // 2),
            "age": generator.uniform(55, 80, PEOPLE).round(1),
            "diagnosis": ["atrophy", "control", "control", "other"] * (PEOPLE // 4),
            "split": ["train"] * 32 + ["validation"] * 12 + ["test"] * 16,
        }
    )
    scans = people.assign(scan=people["participant_id"] + "-a")
    packed = scans["scan"].drop(index=[0, 40]).reset_index(drop=True)
    folder = clone / FOLDER
    for name in ("cohort", "pyramid"):
        (folder / name).mkdir(parents=True)
    write_table(people, folder / "cohort/participants.tsv")
    write_table(scans, folder / "cohort/scans.tsv")
    np.save(folder / f"pyramid/{SIZE}.npy", generator.integers(0, 256, (len(packed), *[SIZE] * 3)).astype(np.uint8))
    rows = pd.DataFrame({"row": range(len(packed)), "scan": packed, f"sha256_{SIZE}": "unknown"})
    write_table(rows, folder / "pyramid/index.tsv")
    return clone


@pytest.fixture
def run(snakemake, study: Path):
    def of(*words: str, changes: tuple[str, ...] = ()):
        allowed = ("--allowed-rules", *RULES, "--configfile", "matched.yaml")
        asked = ("--config", *changes) if changes else ()
        environment = {"PYTHONPATH": str(study / "workflow")}
        return snakemake(*allowed, *asked, "--cores", "1", *words, folder=study, **environment)

    return of


def test_the_slices_of_matched_participants_are_cut_compared_and_written_with_their_classes(run, study: Path) -> None:
    done = run("--", f"{FOLDER}/matching/balance.png", f"{FOLDER}/slices/exchange")
    assert done.returncode == 0, done.text
    folder = study / FOLDER
    pairs, left_out = (read_table(folder / "matching" / name) for name in ("pairs.tsv", "left_out.tsv"))
    people = read_table(folder / "cohort/participants.tsv").set_index("participant_id")
    assert (people.loc[pairs["case"], "split"].to_numpy() == people.loc[pairs["control"], "split"].to_numpy()).all()
    assert {*pairs["case"], *pairs["control"]} | set(left_out["participant_id"]) == set(people.index)
    assert set(left_out.loc[left_out["reason"] == "no_scan", "participant_id"]) == {"sub-00", "sub-40"}
    slices = open_slices(folder / "slices", 16)
    assert set(slices.index["participant_id"]) == {*pairs["case"], *pairs["control"]}
    assert len(slices.images) == 4 * len(pairs)
    told = read_condition(folder / "conditions/diagnosis.tsv")
    assert told.classes == ["atrophy", "control"], "others are no class of a condition that slices alone are told"
    for part, splits in (("train", ["train", "validation"]), ("test", ["test"])):
        labels = pd.read_csv(folder / "slices/exchange" / part / "labels.csv")
        assert len(labels) == int(slices.index["split"].isin(splits).sum())
        words = people.loc[labels["Subject_ID"], "diagnosis"]
        assert [told.classes[label] for label in labels["Label"]] == words.tolist()
        for size in (8, 16):
            stack = folder / "slices/exchange" / part / f"Real{size}x{size}.nii.gz"
            assert nib.load(stack).shape == (size, size, 1, len(labels))
    assert "Terms of the slices" in (folder / "slices/exchange/TERMS.md").read_text()
    balance = read_table(study / FOLDER / "matching/balance.tsv")
    assert set(zip(balance["split"], balance["when"], strict=True)) == {
        (split, when) for split in ("all", "train", "validation", "test") for when in ("before", "after")
    }
    assert {"smd", "welch_p", "mann_whitney_p", "fisher_p"} <= set(balance)
    splits = read_table(study / FOLDER / "matching/split_balance.tsv")
    assert set(splits["split"]) == {"validation", "test"} and {"age", "diagnosis"} <= set(splits["variable"])


@pytest.mark.fault(7)
def test_what_cannot_be_matched_ends_the_job_with_one_sentence(run, study: Path) -> None:
    change = "slices={matching: {group: town}}"
    done = run("--force", "--", f"{FOLDER}/matching/pairs.tsv", changes=(change,))
    assert done.returncode == 1
    assert "slices.matching needs the column town, which the participants table does not have" in done.text
    assert "Traceback" not in (study / FOLDER / "logs/match_participants.log").read_text()


def test_a_whole_study_plans_each_of_them_once_and_none_unless_asked(snakemake, study: Path) -> None:
    words = ("-n", "--configfile", "matched.yaml", "--config", "folder=studies/never-run")
    environment = {"PYTHONPATH": str(study / "workflow")}
    jobs = snakemake(*words, folder=study, **environment).jobs
    assert {name: jobs[name] for name in RULES} == dict.fromkeys(RULES, 1)
    without = snakemake(*words, "slices={matching: null, exchange: null}", folder=study, **environment).jobs
    assert "match_participants" not in without and "export_exchange" not in without and without["cut_slices"] == 1
