"""The page of the quality gate: every scan is on it, nothing of a scan becomes code, marks become the table they should."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from mrisynth.files import read_table
from mrisynth.imaging.verdicts import _read_exclusions
from mrisynth.reporting.quality_page import exclusions_text, write_quality_page

ROOT = Path(__file__).resolve().parents[2]
EVIL = '</script x><script>alert(1)</script><img src=x onerror="alert(1)">&<!--<script '


class Page(HTMLParser):
    """The scripts, ids, addresses and text of a page, as a browser takes them apart."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.scripts, self.ids, self.addresses, self.tags, self.text = [], set(), [], [], ""
        self.feed(self.source)
        self.data = json.loads(self.scripts[0], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        self.ids |= {found["id"]} if "id" in found else set()
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        self.text += data


def study(n: int = 40) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "scan": [f"sub-{number:03d}" for number in reversed(range(n))],
            "status": "passed",
            "reason": pd.array([None] * n, dtype="string"),
            "message": pd.array([None] * n, dtype="string"),
            "brain_ml": draw.normal(1400, 90, n),
            "overlap": draw.normal(0.95, 0.005, n),
            "folds": np.nan,
            "cpu_seconds": 7.0,
            "fingerprint": "abc",
        }
    )


LIMITS = pd.DataFrame(
    [
        ["overlap", 0.9, np.nan, "", "Dice with the template's mask", "learned"],
        ["brain_ml", 850.0, 2200.0, "mL", "volume of the brain mask", "default"],
        ["folds", np.nan, 0.001, pd.NA, "share of folds", "config"],
        ["bias", np.nan, 0.5, "", "not measured here", "default"],
    ],
    columns=["measure", "low", "high", "unit", "meaning", "source"],
)


@pytest.fixture
def write(tmp_path):
    def written(quality: pd.DataFrame, *, limits=LIMITS, exclusions=None, pictures=None, title="A study") -> Page:
        path = tmp_path / "results" / "quality" / "index.html"
        write_quality_page(
            path, title=title, quality=quality, limits=limits, exclusions=exclusions, pictures=pictures or {}
        )
        return Page(path)

    return written


def test_every_scan_is_there_in_the_order_of_its_name_with_its_verdict_and_measures(write):
    quality = study()
    quality.loc[quality["scan"] == "sub-005", ["status", "reason", "message", "overlap"]] = (
        "excluded", "overlap", "Too low.", 0.7,
    )  # fmt: skip
    page = write(quality)
    rows = {row["scan"]: row for row in page.data["scans"]}
    assert list(rows) == sorted(quality["scan"])
    assert [measure["name"] for measure in page.data["measures"]] == ["overlap", "brain_ml", "folds"]
    assert page.data["measures"][1] | {"range": 0} == {
        "name": "brain_ml", "low": 850.0, "high": 2200.0, "range": 0,
        "unit": "mL", "meaning": "volume of the brain mask", "source": "default",
    }  # fmt: skip
    assert page.data["measures"][2]["low"] is None and page.data["measures"][2]["unit"] == ""
    bad, good = rows["sub-005"], rows["sub-006"]
    assert (bad["status"], bad["reason"], bad["message"]) == ("excluded", "overlap", "Too low.")
    assert bad["outside"] == [True, False, False] and good["outside"] == [False, False, False]
    assert bad["values"][0] == 0.7 and bad["values"][2] is None
    assert (good["status"], good["reason"], good["message"]) == ("passed", "", "")


def test_the_farthest_from_the_cohort_comes_first_when_sorted_and_its_strip_ends_before_it(write):
    quality = study()
    quality.loc[4, "brain_ml"], quality.loc[7, "brain_ml"] = 300.0, 2100.0
    page = write(quality)
    ranked = sorted(page.data["scans"], key=lambda row: -row["spread"][1])
    assert [row["scan"] for row in ranked[:2]] == [quality["scan"][4], quality["scan"][7]]
    assert 10 < ranked[0]["spread"][1] < 16 and ranked[10]["spread"][1] < 3
    first, last = page.data["measures"][1]["range"]
    assert 450 < first < 850 and 2100 < last < 2300  # both limits are in sight, the brain of 300 mL stands at the edge


def test_measures_that_are_all_equal_or_missing_are_no_outliers(write):
    quality = study(4).assign(cut_fraction=0.0)
    quality.loc[2, "overlap"] = np.nan
    page = write(quality)
    assert [row["spread"][3] for row in page.data["scans"]] == [0.0] * 4
    assert [row["spread"][2] for row in page.data["scans"]] == [None] * 4
    assert [row["spread"][0] is None for row in page.data["scans"]] == [False, True, False, False]


def test_pictures_are_addressed_from_the_page_and_never_embedded(write, tmp_path):
    quality = study(3)
    quality["scan"] = names = ["plain", "odd #1 100%?", "none"]
    folder = tmp_path / "results" / "preprocessed"
    pictures = {name: folder / name / "quality.png" for name in names}
    for name in names[:2]:
        pictures[name].parent.mkdir(parents=True)
        pictures[name].write_bytes(b"PNG")
    page = write(quality, pictures=pictures)
    found = {row["scan"]: row["picture"] for row in page.data["scans"]}
    assert found["plain"] == "../preprocessed/plain/quality.png" and found["none"] is None
    assert not set("#?%") & set(
        found["odd #1 100%?"].replace("%20", "").replace("%23", "").replace("%25", "").replace("%3F", "")
    )
    assert (tmp_path / "results" / "quality" / unquote(found["odd #1 100%?"])).read_bytes() == b"PNG"
    assert "data:image" not in page.source and "base64" not in page.source


@pytest.mark.fault(22)
def test_names_and_messages_are_text_and_never_code(write):
    quality = study(3)
    quality["scan"] = [f"{number}{EVIL}" for number in range(3)]
    quality.loc[0, ["status", "reason", "message"]] = ["excluded", EVIL, EVIL]
    exclusions = pd.DataFrame({"scan": [EVIL], "reason": [f"</textarea>{EVIL}"]})
    limits = LIMITS.assign(meaning=EVIL, source=EVIL, unit=EVIL)
    page = write(quality, limits=limits, exclusions=exclusions, title=EVIL)
    plain = write(study(3))
    assert page.tags == plain.tags  # the same elements, whatever the names say
    assert len(page.scripts) == 2 and page.scripts[1] == plain.scripts[1]
    assert not set("<>&") & set(page.scripts[0])  # browsers end a script at less than parsers of a library do
    assert page.data["scans"][0]["message"] == EVIL and page.data["title"] == EVIL


def test_the_page_runs_its_own_script_only_and_loads_nothing(write):
    page = write(study(3))
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.source and "default-src 'none'" in page.source
    assert page.addresses == []
    assert "innerHTML" not in page.scripts[1] and "eval(" not in page.scripts[1]
    assert page.source.count("These pictures may show faces; they are in no export") == 1


def test_script_and_page_know_the_same_elements(write):
    page = write(study(3))
    used = set(re.findall(r'\bget\("([\w-]+)"\)', page.scripts[1]))
    assert len(used) > 25 and used <= page.ids


def test_the_table_of_exclusions_reads_back_and_keeps_rows_of_other_studies(write, tmp_path):
    marked = pd.DataFrame(
        {
            "scan": ["sub-001", "other-study-9", "sub-002", "sub-003"],
            "reason": ['motion\tor "blur"\r\nsecond line', "zoom", None, '"'],
            "by": ["me", None, "you", "me"],
        }
    )
    (tmp_path / "exclusions.tsv").write_text(exclusions_text(marked))
    reasons = _read_exclusions(tmp_path / "exclusions.tsv")
    assert reasons.to_dict() == {
        "sub-001": "motion or  blur second line",
        "other-study-9": "zoom",
        "sub-002": "no reason given",
        "sub-003": "no reason given",
    }
    again = read_table(tmp_path / "exclusions.tsv", reason="string")
    assert exclusions_text(again) == (tmp_path / "exclusions.tsv").read_text()
    page = write(study(3), exclusions=again)
    assert page.data["columns"] == ["scan", "reason", "by"] and page.data["rows"][1] == ["other-study-9", "zoom", ""]
    assert exclusions_text(again) in page.text  # what stands in the page before anything is marked
    assert re.sub(page.data["unclean"], "_", 'a\t\n"b') == "a_b" and "new RegExp(data.unclean" in page.scripts[1]


def test_without_a_table_of_exclusions_the_page_starts_one(write):
    page = write(study(2), exclusions=None, limits=LIMITS[:0])
    assert (page.data["columns"], page.data["rows"]) == (["scan", "reason"], [])
    assert [measure["name"] for measure in page.data["measures"]] == ["brain_ml", "overlap", "folds"]
    assert write(study(2)[:0]).data["scans"] == []


def reported(text: str) -> list[str]:
    """What stands inside every report(...) of a file of rules."""
    found = []
    for start in (match.end() for match in re.finditer(r"\breport\(", text)):
        depth, end = 1, start
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        found.append(text[start : end - 1])
    return found


@pytest.mark.fault(26)
def test_pictures_of_heads_and_their_page_are_in_no_report():
    rules = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    blocks = [block for path in rules for block in reported(path.read_text())]
    assert len(blocks) >= 6
    assert not [
        block for block in blocks if re.search(r"quality/index|quality\.png|preprocessed|brain_extraction", block)
    ]
    knows = {
        path.relative_to(ROOT / "workflow").as_posix()
        for path in (ROOT / "workflow").rglob("*")
        if path.suffix in (".py", ".smk", ".jinja", ".rst")
        and re.search(r"quality\.png|quality/index\.html|PICTURE_NAME", path.read_text())
    }
    assert "scripts/write_quality_page.py" in knows
    assert {name for name in knows if not name.startswith("mrisynth/imaging/")} <= {
        "images.smk",  # asks for it where the input is scans
        "rules/quality.smk",
        "scripts/write_quality_page.py",
        "mrisynth/reporting/quality_page.py",
    }
