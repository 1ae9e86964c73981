from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
import yaml

from mrisynth.configuration import complete, load_schema
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.provenance.citations import citation_rows, configured, read_uses, used, works_of
from mrisynth.provenance.citations_page import BEGIN, END, citations_page
from mrisynth.provenance.works import read_works
from mrisynth.reporting.citation_section import citation_tables

ROOT = Path(__file__).resolve().parents[2]
USES = read_uses(ROOT / "resources" / "citations.tsv")
WORKS = read_works(ROOT / "resources" / "references.bib")


def config_of(name: str) -> dict:
    written = yaml.safe_load((ROOT / name).read_text())
    return complete(written, load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml"), source=name)


def keys(name: str, *, rules=(), packages=()) -> set[str]:
    found = used(USES, terms=configured(USES, config_of(name)), rules=set(rules), packages=set(packages))
    return {use.key for use in found}


def test_the_tables_of_the_page_are_those_of_the_resources():
    page = (ROOT / "CITATIONS.md").read_text()
    assert citations_page(page, uses=USES, works=WORKS) == page, "run `python -m mrisynth.provenance`"


def test_the_page_keeps_what_people_wrote_around_its_tables():
    page = citations_page(f"before\n{BEGIN}\nold\n{END}\nafter\n", uses=USES[:1], works=WORKS)
    assert page.startswith("before\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "old" not in page
    with pytest.raises(MrisynthError, match="marks"):
        citations_page("no marks", uses=USES, works=WORKS)


def test_every_work_is_cited_and_every_cited_work_is_there():
    assert {key for use in USES for key in use.cite} == set(WORKS)
    assert len({use.key for use in USES}) == len(USES)
    for work in WORKS.values():
        assert work.address or work.get("journal") or work.get("booktitle") or work.kind == "book", work.key
        assert re.fullmatch(r"(19|20)\d\d", work.get("year")) or work.kind == "misc", work.key


def test_every_download_has_its_licence_and_citation_in_the_table():
    with (ROOT / "resources" / "datasets.tsv").open() as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            owners = [use for use in USES if row["name"] in use.downloads]
            assert len(owners) == 1, row["name"]
            assert owners[0].licence.startswith(row["licence"])
            works = [WORKS[key] for key in owners[0].cite]
            assert any(
                place in row["citation"]
                for work in works
                for place in (work.get("doi"), work.get("eprint"), work.get("url"))
                if place
            )


def test_every_term_is_one_that_can_hold():
    rules = {
        name
        for file in (ROOT / "workflow" / "rules").glob("*.smk")
        for name in re.findall(r"^rule (\w+):", file.read_text(), re.MULTILINE)
    }
    lock = {line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "requirements.txt").read_text().split()}
    for use in USES:
        for term in (term for together in use.used_when for term in together):
            kind, _, what = term.partition(":")
            assert kind in ("always", "config", "rule", "package"), f"{use.key}: {term}"
            assert kind != "rule" or what in rules, f"{use.key}: {term}"
            assert kind != "package" or what in lock, f"{use.key}: {term}"


def test_what_a_study_is_configured_to_use_is_cited():
    demo = keys("config/demo.yaml")
    assert {
        "icbm152",
        "bspline_deformations",
        "ha_gan",
        "wasserstein",
        "gradient_penalty",
        "relativistic",
        "fid",
    } <= demo
    assert {"deepbet", "umap"} <= demo
    assert {
        "ixi",
        "medicalnet",
        "inception",
        "hd_bet_weights",
        "adni",
        "syn",
        "dbscan",
        "spectral_norm",
    } & demo == set()
    full = keys("config/config.yaml")
    assert {"ixi", "medicalnet", "dbscan", "umap", "hd_bet", "hd_bet_weights", "auxiliary_classifier"} <= full
    assert not {"hdbscan", "deepbet", "bspline_deformations", "greedy"} & full
    assert "dcm2niix" in keys("config/config.yaml", rules=["convert_dicom"])
    assert "greedy" in keys("config/config.yaml", packages=["picsl-greedy"])


@pytest.mark.parametrize(
    ("term", "config", "holds"),
    [
        ("config:a.b=1|2", {"a": {"b": 2}}, True),
        ("config:a.b=1|2", {"a": {"b": 3}}, False),
        ("config:a.*.c=true", {"a": {"x": {"c": False}, "y": {"c": True}}}, True),
        ("config:a=fid", {"a": ["kid", "fid"]}, True),
        ("config:a!=", {"a": []}, False),
        ("config:a!=", {"a": ["site"]}, True),
        ("config:a!=none", {"a": None}, True),
        ("config:a>0", {"a": 0.5}, True),
        ("config:a>0", {"a": 0}, False),
        ("config:absent.b=1", {"a": 1}, False),
    ],
)
def test_terms_of_the_configuration(term, config, holds):
    use = USES[0].__class__(
        **dict.fromkeys(("section", "key", "kind", "what", "used_for", "licence"), "")
        | {"used_when": ((term,),), "cite": (), "downloads": ()}
    )
    assert configured([use], config) == ([term] if holds else [])


def test_a_term_that_compares_nothing_is_refused():
    use = USES[0].__class__(
        **dict.fromkeys(("section", "key", "kind", "what", "used_for", "licence"), "")
        | {"used_when": (("config:a",),), "cite": (), "downloads": ()}
    )
    with pytest.raises(MrisynthError, match="compares nothing"):
        configured([use], {"a": 1})


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (
            "yushkevich2016",
            "Yushkevich et al. 2016, Alzheimer's & Dementia 12(7S):P126-P127, doi:10.1016/j.jalz.2016.06.205",
        ),
        ("wu2018", "Wu and He 2018, arXiv:1803.08494"),
        ("ester1996", "Ester et al. 1996, KDD-96, 226-231"),
        ("hedges1985", "Hedges and Olkin 1985, Statistical Methods for Meta-Analysis, Academic Press"),
        ("nibabel", "The NiBabel developers, NiBabel, <https://nipy.org/nibabel/>"),
        ("jolicoeur2018", "Jolicoeur-Martineau 2018, arXiv:1807.00734"),
    ],
)
def test_works_in_words(key, text):
    assert WORKS[key].text == text


def test_a_file_of_works_that_is_not_understood_is_refused(tmp_path):
    good = WORKS["wu2018"].source
    (tmp_path / "a.bib").write_text(good + "@article{x, title = {one line}}\n")
    with pytest.raises(MrisynthError, match="one line"):
        read_works(tmp_path / "a.bib")
    (tmp_path / "a.bib").write_text(good + good)
    with pytest.raises(MrisynthError, match="twice"):
        read_works(tmp_path / "a.bib")
    with pytest.raises(MrisynthError, match="no entry"):
        works_of(USES[:1], {})


def test_the_report_has_a_table_for_each_kind(tmp_path):
    import pandas as pd

    found = used(USES, terms=configured(USES, config_of("config/demo.yaml")), rules=set(), packages={"numpy": "2.4.6"})
    rows = citation_rows(found, WORKS, {"numpy": "2.4.6"})
    pd.DataFrame(rows).to_csv(tmp_path / "citations.tsv", sep="\t", index=False)
    tables = {table.title: table.frame for table in citation_tables(tmp_path / "citations.tsv")}
    assert list(tables) == ["Data and templates", "Software", "Methods"]
    numpy = tables["Software"].set_index("what").loc["NumPy"]
    assert (numpy["version"], numpy["licence"]) == ("2.4.6", "BSD-3-Clause")
    assert "Louis Collins" in tables["Data and templates"]["licence"].iloc[0]
    assert list(tables["Methods"]) == ["what", "used for", "cite"]
    assert len(read_table(tmp_path / "citations.tsv")) == len(rows)
    assert citation_tables(None) == []
