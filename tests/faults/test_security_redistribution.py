"""Fault 27: what comes under an agreement is not exported, unless the user states the right; licences travel along."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.exporting import Exported, export
from mrisynth.files import read_json, read_table, sha256_of, write_json, write_table
from mrisynth.imaging.volume import write_volume
from mrisynth.provenance.publishable import is_publishable
from mrisynth.redistribution import Redistribution, decide
from mrisynth.sampling import unit_image
from mrisynth.terms import write_terms

pytestmark = pytest.mark.fault(27)
UNSTATED: dict[str, object] = dict.fromkeys(("allowed", "basis", "licence", "attribution"))
TABLES = ("metrics.tsv", "comparison.tsv", "replicates.tsv")
LETTER = {"allowed": True, "basis": "letter of the ADNI DPC, 2026-03-01"}


def of(name: str, *, own_scans: bool = False, **stated: object) -> Redistribution:
    return decide({"name": name, "redistribution": UNSTATED | stated}, own_scans=own_scans)


def test_what_each_cohort_allows_when_nothing_is_stated() -> None:
    allowed = {name: of(name).allowed for name in ("ixi", "simulated", "bids", "adni", "ukbiobank")}
    assert allowed == {"ixi": True, "simulated": True, "bids": False, "adni": False, "ukbiobank": False}
    assert not of("ixi", own_scans=True).allowed  # a flat folder of other scans: the licence of IXI is not theirs
    assert not any(of(name).stated for name in allowed)


def test_ixi_carries_its_licence_and_its_attribution() -> None:
    words = of("ixi").words
    assert "CC BY-SA 3.0" in words and "brain-development.org" in words and "EPSRC GR/S21533/02" in words
    assert "CC BY" not in of("ixi", own_scans=True).words and "IXI" not in of("bids").words


@pytest.mark.parametrize("name", ["adni", "ukbiobank", "bids"])
def test_a_refusal_says_why_and_which_key_states_the_right(name: str) -> None:
    with pytest.raises(MrisynthError, match=r"The export is refused: .*cohort\.redistribution: \{allowed: true, basis"):
        of(name).require("The export")
    assert "RESTRICTED COHORT" in of(name).words


@pytest.mark.parametrize("basis", [None, "", "   "])
def test_a_right_on_nobodys_word_is_refused(basis: str | None) -> None:
    with pytest.raises(
        ConfigError, match=r"redistribution\.allowed is true but cohort\.redistribution\.basis is empty"
    ):
        of("adni", allowed=True, basis=basis)


def test_a_stated_right_is_recorded_with_its_basis() -> None:
    terms = of("adni", **LETTER, licence="for partners only", attribution="ADNI")
    terms.require("The export")
    assert terms.stated and terms.record()["basis"] == LETTER["basis"]
    assert "the user states: letter of the ADNI DPC, 2026-03-01" in terms.words
    assert "for partners only" in terms.words
    assert not of("ixi", allowed=False).allowed  # and a user may be stricter than a licence


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study that has run, with what must stay at home beside what may go, and a name in all that stays."""
    folder = tmp_path / "study"
    for part in ("models/one", "samples/one/nifti", "report/figures", "report/figures_vector", "report/tables"):
        (folder / part).mkdir(parents=True)
    (folder / "report/scorecards").mkdir()
    for name in ("generator", "encoders"):
        (folder / f"models/one/{name}.safetensors").write_bytes(b"weights")
    recipe = {"model": {"start_from": "/home/jane.doe/kept-3.pt", "size": 32}, "encoders_sha256": "x", "classes": []}
    recipe["text"] = {"settings": {"folder": "/home/jane.doe/biomedclip"}}
    write_json(recipe, folder / "models/one/recipe.json")
    for number in range(2):
        image = unit_image(np.full((4, 4, 4), number - 0.5, np.float32), np.eye(4))
        write_volume(image, folder / f"samples/one/nifti/sample-{number:06d}_T1w.nii.gz")
    rows = pd.DataFrame({"sample": range(3), "seed": 5, "sex": ["f", "m", "f"], "shard": "000"})
    write_table(rows, folder / "samples/one/samples.tsv")
    (folder / "provenance").mkdir()
    for name in (*TABLES, "provenance/citations.tsv", "provenance/citations.bib", "report/index.html"):
        (folder / name).write_text("scores")
    (folder / "report/comparison.html").write_text("scores")
    for name in (
        "cohort/scans.tsv",
        "preprocessed/janedoe/quality.png",
        "memorisation/one.suspects.tsv",
        "memorisation/one.png",
        "embeddings/x/32/real.npz",
        "training/one/kept-0.pt",
        "logs/build_cohort.log",
        "pictures/gallery_32.png",
        "quality/index.html",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("janedoe")
    return folder


def exported(study: Path, folder: Path, terms: Redistribution) -> Path:
    export(Exported(study=study, title="Mine", models=["one"], terms=terms), folder)
    return folder


def test_nothing_is_written_of_a_restricted_cohort(study: Path, tmp_path: Path) -> None:
    with pytest.raises(MrisynthError, match="The export is refused: the ADNI data use agreement"):
        exported(study, tmp_path / "export", of("adni"))
    assert not (tmp_path / "export").exists()


@pytest.mark.fault(26)
def test_an_export_holds_what_may_go_and_no_name(study: Path, tmp_path: Path) -> None:
    folder = exported(study, tmp_path / "export", of("adni", **LETTER))
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == sorted(
        ["TERMS.md", "checksums.tsv", "citations.tsv", "citations.bib", *TABLES]
        + [f"models/one/{name}" for name in ("generator.safetensors", "recipe.json", "TERMS.md")]
        + ["report/index.html", "report/comparison.html"]
        + [f"samples/one/{name}" for name in ("dataset_description.json", "participants.tsv", "TERMS.md")]
        + [f"samples/one/sub-{number:06d}/anat/sub-{number:06d}_T1w.nii.gz" for number in range(2)]
    )
    for path in folder.rglob("*"):
        assert not path.is_file() or not re.search(rb"jane\.?doe", path.read_bytes()), path
    assert read_json(folder / "models/one/recipe.json")["model"]["start_from"] == "kept-3.pt"
    assert read_json(folder / "models/one/recipe.json")["text"]["settings"]["folder"] == "biomedclip"
    for path in (folder / "TERMS.md", folder / "models/one/TERMS.md", folder / "samples/one/TERMS.md"):
        assert LETTER["basis"] in path.read_text()
    assert read_json(folder / "models/one/recipe.json")["terms"]["stated"] is True
    table = read_table(folder / "checksums.tsv").set_index("file")["sha256"]
    assert all(sha256_of(folder / name) == checksum for name, checksum in table.items())
    with pytest.raises(MrisynthError, match="holds something already"):
        exported(study, folder, of("adni", **LETTER))


def test_samples_of_ixi_are_a_bids_data_set_under_its_licence(study: Path, tmp_path: Path) -> None:
    folder = exported(study, tmp_path / "export", of("ixi")) / "samples" / "one"
    facts = json.loads((folder / "dataset_description.json").read_text())
    assert facts["License"] == "CC BY-SA 3.0" and facts["DatasetType"] == "derivative"
    assert "brain-development.org" in facts["HowToAcknowledge"]
    people = read_table(folder / "participants.tsv")
    assert people["participant_id"].tolist() == ["sub-000000", "sub-000001"]
    assert people["sex"].tolist() == ["f", "m"]


def test_terms_stand_beside_models_and_say_no(tmp_path: Path) -> None:
    write_terms(tmp_path / "TERMS.md", of("adni"), title="Mine")
    assert "| may be passed on | NO |" in (tmp_path / "TERMS.md").read_text()


def test_slices_of_scans_are_not_called_synthetic(tmp_path: Path) -> None:
    write_terms(tmp_path / "TERMS.md", of("adni"), title="Mine", slices=True)
    text = (tmp_path / "TERMS.md").read_text()
    assert text.startswith("# Terms of the slices of scans of Mine\n") and "| may be passed on | NO |" in text
    assert "is of its participants" in text and "ynthetic: no person" not in text
    for path in (
        "slices/exchange",
        "slices/labelled/64/trainset/dataset.json",
        "matching/pairs.tsv",
        "matching/balance.png",
    ):
        assert not is_publishable(path, allowed=False)


SHOWS_PERSONS = re.compile(
    r"preprocessed/|brain_extraction/|quality/|cohort/|pyramid/|embeddings/|suspects|memorisation/\{model\}\.png"
    r"|pictures|latents/|clusters/|samples/|models/|training/|conditions/|covariates/|regions/|slices/"
    r"|masks/|segmentation/(cases|predictions|test)|matching/(pairs|left_out)|reconstruction/\{model\}\.(png|npz|images)"
)


@pytest.mark.fault(26)
def test_snakemakes_report_takes_no_head_no_table_of_persons_and_asks_before_it_shows_participants(
    repository: Path,
) -> None:
    """What is flagged by `report(...)` goes into `snakemake --report`; `showing_participants` asks the terms first."""
    flagged: dict[str, list[str]] = {"report": [], "showing_participants": []}
    for path in (repository / "workflow/rules").glob("*.smk"):
        for flag, output in re.findall(
            r"\b(report|showing_participants)\(\s*(?:directory\(|expand\()?\"(<results>[^\"]+)\"", path.read_text()
        ):
            flagged[flag].append(output)
    assert len(flagged["report"]) >= 10
    assert [output for output in flagged["report"] if SHOWS_PERSONS.search(output)] == []
    assert {output.split("/")[1] for output in flagged["showing_participants"]} == {
        "clusters", "conditions", "control", "control_area", "covariates", "latents", "masks", "reconstruction",
        "segmentation", "synthesis",
    }  # fmt: skip
    assert not any(output.endswith((".html", ".tsv")) for output in flagged["showing_participants"])
