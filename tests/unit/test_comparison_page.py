"""The comparison page, the tables and figures for a paper, and the scorecards, on scores made up for it."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser

import jsonschema
import numpy as np
import pandas as pd
import pytest

from mrisynth.metrics.pairs import UNDECIDED, compare_models
from mrisynth.metrics.replicates import seed_spread
from mrisynth.metrics.table import Score, score_table
from mrisynth.metrics.verdicts import control_verdicts
from mrisynth.redistribution import decide
from mrisynth.reporting.board import boards
from mrisynth.reporting.catalogue import GROUPS, in_order, meanings, metric_title, words
from mrisynth.reporting.comparison_page import write_comparison_page
from mrisynth.reporting.exports import write_figures, write_tables
from mrisynth.reporting.intervals_figure import Axis, column_axis, interval_svg
from mrisynth.reporting.latex import escaped, latex_tables
from mrisynth.reporting.results import Results
from mrisynth.reporting.scorecard import scorecard, write_scorecard
from mrisynth.reporting.scores import score_figure
from mrisynth.reporting.style import FLOOR_LINE

CHECKSUM = "3f" * 32
VOID = {"meta", "img", "br", "link", "input", "rect", "circle", "path"}


def score(metric, model, value, *, source="model", features="encoder", view="64", reference="test", **changes):
    """A score with an interval of a tenth of its value and a floor of 10 (8 to 12) or 0.9 (0.8 to 1)."""
    lower = metric in ("fid", "kid")
    floor, low, high = (10.0, 8.0, 12.0) if lower else (0.9, 0.8, 1.0)
    known = {"low": 0.9 * value, "high": 1.1 * value, "floor": floor, "floor_low": low, "floor_high": high}
    return Score(
        metric=metric, model=model, source=source, features=features,
        **{"features_sha256": CHECKSUM, "features_trained": True, "view": view, "reference": reference, "value": value,
           "better": "lower" if lower else "higher", "n": 29, "seed": 7} | known | changes,
    )  # fmt: skip


def results_of(rows, *, seeds=None):
    """Results with resampled values that move by 1 (FID) or by 0.3 (all others)."""
    scores = score_table(rows)
    resampled = {}
    for row in scores[(scores["source"] == "model") & (scores["reference"] == "test")].itertuples():
        noise = np.random.default_rng(len(resampled)).normal(size=50) * (1.0 if row.metric == "fid" else 0.3)
        resampled[row.model, "model", row.features, row.view, "test", row.metric] = row.value + noise
    return Results(
        scores=scores,
        pairs=compare_models(scores, resampled),
        verdicts=control_verdicts(scores),
        spread=seed_spread(scores, seeds or {}),
    )


@pytest.fixture
def results():
    """Two models in one space; FID is decided for the first, recall is not; one value is not known by name."""
    rows = [
        score("fid", "first", 20.0),
        score("fid", "second_2", 200.0),
        score("recall", "first", 0.5),
        score("recall", "second_2", 0.51),
        score("fid", "first", 90.0, source="untrained"),
        score("fid", "noise", 999.0, source="control"),
        score("fid", "first", 30.0, reference="train"),
        score("novelty_of_<b>", "first", 123.0, features="voxels", features_sha256="none: voxels", better="neither"),
        score("copies", "second_2", math.nan, features="voxels", low=math.nan, high=math.nan, warning="Too few scans."),
    ]
    return results_of(rows)


class Tags(HTMLParser):
    """Finds elements that are not closed in their order, and what is loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.links, self.ids = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def page_of(results, path, models=("first", "second_2")):
    write_comparison_page(path, results, title="A & B", models=models, export_words="May go.")
    return path.read_text()


@pytest.mark.fault(22)
def test_page_loads_nothing_is_well_formed_and_runs_its_own_script_alone(results, tmp_path):
    html = page_of(results, tmp_path / "comparison.html")
    tags = Tags(html)
    assert tags.open == [] and tags.wrong == []
    assert [link for link in tags.links if not link.startswith("#")] == ["index.html"]
    assert {link.removeprefix("#") for link in tags.links if link.startswith("#")} <= set(tags.ids)
    assert "A &amp; B" in html and "novelty_of_&lt;b&gt;" in html and "<b>" not in html
    script = html.rsplit("<script>", 1)[1].split("</script>")[0]
    assert f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}" in html
    assert "SCRIPT-HASH" not in html and "onclick" not in html
    odd = "SCRIPT-HASH <script>"
    write_comparison_page(tmp_path / "odd.html", results, title=odd, models=["first"], export_words=odd)
    html = (tmp_path / "odd.html").read_text()
    assert html.count("sha256-") == 1 and html.count("<script>") == 1
    _, page = write_scorecard(tmp_path, card_of(results, "first", study=odd))
    assert "<h1>first</h1>" in page.read_text() and "<script>" not in page.read_text()


def test_page_says_what_the_numbers_rest_on(results, tmp_path):
    html = page_of(results, tmp_path / "comparison.html")
    for found in (
        CHECKSUM,
        "against test scans (N = 29)",
        "against training scans (N = 29)",
        ">7<",
        "Too few scans.".lower(),
    ):
        assert found in html, found
    assert "20.0<small>18.0 to 22.0</small>" in re.sub(r"\s+", "", html).replace("to", " to ")
    assert html.index("<h2>Fidelity") < html.index("<h2>Variety") < html.index("<h2>Privacy") < html.index("<h2>Other")
    assert "noise" in html and "first, untrained" in html and "real against real" in html
    values = re.findall(r'data-value="([^"]*)"', html)
    assert {"20.0", "200.0", "0.51", "123.0"} <= set(values) and "nan" not in values
    assert html.count('aria-sort="none"') == html.count('<button type="button">')


def test_best_is_said_only_where_pairs_show_it(results, tmp_path):
    html = page_of(results, tmp_path / "comparison.html")
    cells = re.findall(r'<td class="best" data-value="([^"]*)"', html)
    assert cells == ["20.0"]
    fidelity, variety = (html.split(f"<h2>{name}")[1].split("<h2>")[0] for name in ("Fidelity", "Variety"))
    assert "undecided" in variety and "undecided" not in fidelity
    glance = html.split("<h2>At a glance")[1].split("<h2>")[0]
    assert re.search(r"FID ↓</td><td>first</td>", glance) and "recall ↑</td><td><span" in glance


def test_unpaired_models_leave_the_question_open():
    rows = [score("fid", "first", 20.0), score("fid", "second", 90.0), score("fid", "third", 95.0, n=12)]
    (board,) = boards(results_of(rows).scores, pairs=results_of(rows).pairs)
    assert board.columns[0].standing == UNDECIDED and board.columns[0].n == "12 to 29"  # the third is in no pair
    two = results_of(rows[:2])
    assert boards(two.scores, pairs=two.pairs)[0].columns[0].standing == "first"
    assert boards(two.scores)[0].columns[0].standing == ""  # nothing was compared: nothing is said


def test_an_untrusted_space_stands_above_everything(tmp_path):
    missed = [score("fid", "first", 20.0), score("fid", "blurred", 9.0, source="control")]
    html = page_of(results_of(missed), tmp_path / "missed.html", models=["first"])
    assert html.index("cannot be trusted") < html.index("<table") and "(NOT TRUSTED)" in html
    noticed = [score("fid", "first", 20.0), score("fid", "blurred", 99.0, source="control")]
    html = page_of(results_of(noticed), tmp_path / "noticed.html", models=["first"])
    assert "cannot be trusted" not in html and "NOT TRUSTED" not in html


def test_twelve_models_in_four_spaces_fit(tmp_path):
    names = [f"model_{place}" for place in range(12)]
    rows = [
        score(metric, name, value + place, features=space, view=view)
        for metric, value in (("fid", 20.0), ("recall", 0.5), ("kid", 0.001))
        for space in ("medicalnet", "inception", "encoder", "random")
        for view in ("64", "64 low")
        for place, name in enumerate(names)
    ]
    html = page_of(results_of(rows), tmp_path / "comparison.html", models=names)
    assert html.count('<th scope="row">model_11</th>') == 4 * 2 * 2  # spaces, views, groups
    assert f"<td>{'66'}</td>" not in html and "of 66 decided" in html


def test_replicates_state_their_spread_and_models_keep_their_order(tmp_path):
    rows = [score("fid", name, value) for name, value in (("gan", 30.0), ("gan_seed2", 36.0))]
    html = page_of(
        results_of(rows, seeds={"gan": ["gan", "gan_seed2"]}), tmp_path / "c.html", models=["gan_seed2", "gan"]
    )
    assert html.count("2 seeds: 33.0 ± 4.24") == 1
    assert html.index('row">gan_seed2') < html.index('row">gan<')


def test_an_axis_holds_models_and_points_at_what_lies_beyond(results):
    board = boards(results.scores)[0]
    cell = board.rows[0].cells[0]
    axis = column_axis("fid", [20.0, 200.0], floors=[8.0, 12.0])
    assert axis.scale == "log" and axis.place(8.0) > 0 and axis.place(200.0) < 1
    assert axis.place(20.0) == pytest.approx(math.log(20 / axis.low) / math.log(axis.high / axis.low))
    drawn = interval_svg(cell, axis)
    left, width = map(float, re.search(r'class="band" x="([\d.]+)" y="1" width="([\d.]+)"', drawn).groups())
    dot = float(re.search(r'cx="([\d.]+)"', drawn)[1])
    assert left + width < dot  # a value above its floor's band
    assert "beyond" in interval_svg(cell, Axis(30.0, 40.0)) and "circle" not in interval_svg(cell, Axis(30.0, 40.0))
    kid = column_axis("kid", [-0.01, 900.0], floors=[-0.01, 0.02])
    assert kid.scale == "asinh" and 0 < kid.place(0.02) - kid.place(0.0) < 1 and kid.place(900.0) < 1
    assert column_axis("recall", [0.2]) == Axis(0.0, 1.0)
    assert 0 < column_axis("morphometry_new", []).place(0.5) < 1  # no number at all


def test_every_value_has_a_title_and_a_group():
    assert [words(name).group for name in ("fid", "recall", "nn_ratio", "utility_sex_both", "never_heard_of")] == [
        "Fidelity", "Variety", "Privacy", "Utility", "Other",
    ]  # fmt: skip
    assert words("never_heard_of").title == "never_heard_of"
    assert metric_title("condition_accuracy_age_tercile", "higher") == "accuracy, age tercile ↑"
    assert words("utility_sex_auc_both").title == "sex AUC, trained on both"
    assert words("utility_age_synthetic_minus_real").title == "age, synthetic minus real"
    assert words("utility_sex_auc_reverse").title == "sex AUC, trained on real, tested on samples"
    assert "exaggerate" in words("utility_sex_reverse").meaning and words("utility_sex_reverse").ends == (0.0, 1.0)
    of_class = words("kid_by_class_clusters.0:cluster-1")
    assert (of_class.title, of_class.group, of_class.scale) == ("KID, clusters.0: cluster-1", "Condition", "asinh")
    assert words("fid_by_class_sex_and_age:f low").title == "FID, sex and age: f low"
    assert words("never_by_class_sex:f").group == "Other"
    assert words("utility_sex_real").ends == (0.0, 1.0) and words("utility_age_real").ends is None
    assert (
        words("utility_sex_both_minus_real").ends is None
        and "less what" in words("utility_sex_both_minus_real").meaning
    )
    assert in_order(["utility_sex", "recall", "zzz", "fid", "kid", "fid"]) == [
        "fid",
        "kid",
        "recall",
        "utility_sex",
        "zzz",
    ]
    assert all(words(name).group in GROUPS for name in ("kid", "x"))
    arms = ["utility_sex_synthetic", "utility_age_both", "utility_sex_auc_both", "utility_age_synthetic"]
    assert in_order(arms) == [arms[0], arms[2], arms[1], arms[3]]  # all of one target together
    together = meanings(["condition_accuracy_sex", "recall", "condition_accuracy", "never_heard_of"])
    assert list(together) == ["accuracy, sex; accuracy", "recall"]


def test_latex_is_balanced_escaped_and_bold_only_where_supported(results):
    found = boards(results.scores, pairs=results.pairs, metrics=["fid", "recall", "novelty_of_<b>"])
    checksums = {"encoder": CHECKSUM, "voxels": "none: voxels"}
    text = latex_tables(found, group="A & B", checksums=checksums, verdict=lambda *_: "Not trusted.", seed=7)
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == text.count(r"\begin{tabular}") == 3
    assert text.count(r"\textbf") == 1 and r"\textbf{20.0}" in text
    bare = re.sub(r"\\[\\{}$&%#_]", "", text)
    depth = 0
    for letter in bare:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0 and bare.count("$") % 2 == 0
    for table in text.split(r"\begin{tabular}")[1:]:
        columns = len(re.match(r"\{(l+r*)\}", table)[1])
        lines = [line for line in table.splitlines() if line.rstrip().endswith((r"\\", r"\\[2pt]"))]
        assert len(lines) >= 4 and {line.replace(r"\&", "").count("&") + 1 for line in lines} == {columns}
    assert r"second\_2" in text and r"novelty\_of\_\textless{}b\textgreater{}" in text and r"A \& B" in text
    caption = text.split(r"\caption")[1].split(r"\label")[0]
    assert all(
        part in caption
        for part in ("against real test scans, N = 29,", f"sha256 {CHECKSUM[:12]}", "Seed 7", "Not trusted.")
    )
    assert "Undecided which model is best: recall" in caption and "UNTRAINED" not in caption
    assert (
        escaped("50 % of $x_1^2$ {~\\}")
        == r"50 \% of \$x\_1\textasciicircum{}2\$ \{\textasciitilde{}\textbackslash{}\}"
    )


def test_the_best_number_is_bold_in_mathematics_too():
    results = results_of([score("fid", "first", 1.8e-5), score("fid", "second", 90.0)])
    found = boards(results.scores, pairs=results.pairs)
    text = latex_tables(found, group="F", checksums={"encoder": CHECKSUM}, verdict=lambda *_: "", seed=7)
    assert r"first & \textbf{\boldmath $1.8 \times 10^{-5}$}" in text and "second & 90.0" in text


def test_untrained_features_are_named_in_the_caption_and_wide_boards_are_cut():
    names = ["fid", "kid", "precision", "density", "clipped_density", "recall", "coverage"]
    rows = [score(name, "first", 0.5, features="random", features_trained=False) for name in names]
    found = boards(results_of(rows).scores)
    text = latex_tables(found, group="All", checksums={"random": "none"}, verdict=lambda *_: "", seed=7)
    assert text.count("UNTRAINED random network") == text.count(r"\begin{table}") == 2
    assert r"\begin{tabular}{lrrrrr}" in text and r"\begin{tabular}{lrr}" in text
    assert len(set(re.findall(r"\\label\{(.*?)\}", text))) == 2


def test_exports_are_exact_and_figures_the_same_twice(results, tmp_path, caplog):
    caplog.set_level("INFO")
    tables = write_tables(tmp_path / "tables", results, models=["second_2", "first"])
    assert {path.name for path in tables} == {
        "metrics.csv", "comparison.csv", "fidelity.tex", "variety.tex", "privacy.tex", "other.tex",
    }  # fmt: skip
    stored = pd.read_csv(tmp_path / "tables" / "metrics.csv")
    assert stored["model"].iloc[0] == "second_2" and len(stored) == len(results.scores)
    assert sorted(stored["value"].dropna()) == sorted(results.scores["value"].dropna())
    few = Results(
        scores=results.scores[results.scores["metric"] == "fid"], pairs=results.pairs, verdicts=results.verdicts,
        spread=results.spread,
    )  # fmt: skip
    once, again = (write_figures(tmp_path / name, few, models=["first"], replicates={}) for name in ("once", "again"))
    assert not [record for record in caplog.records if record.name.startswith("fontTools")]
    assert [path.name for path in once] == ["fidelity_encoder_64.svg", "fidelity_encoder_64.pdf"]
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]
    assert once[0].read_bytes().lstrip().startswith(b"<?xml") and once[1].read_bytes().startswith(b"%PDF")
    assert b"CreationDate" not in once[1].read_bytes() and b"dc:date" not in once[0].read_bytes()


def test_floors_that_differ_by_model_stand_on_the_lines_of_their_models(tmp_path):
    drawn = []
    for floors in ((0.4, 0.4), (0.4, 0.9)):
        names = zip(("first", "second"), floors, strict=True)
        rows = [score("condition_accuracy", name, 0.5, floor=floor) for name, floor in names]
        score_figure(score_table(rows), tmp_path / "scores.svg", metrics=["condition_accuracy"])
        drawn.append((tmp_path / "scores.svg").read_text().lower().count(FLOOR_LINE))
    assert drawn[1] == drawn[0] + 1


TEXTS = {"type": "array", "items": {"type": "string"}}
NUMBER = {"type": ["number", "null"]}
SCORE = {
    "type": "object",
    "required": [
        "metric",
        "title",
        "value",
        "low",
        "high",
        "floor",
        "n",
        "standing",
        "within_floor",
        "features_sha256",
    ],
    "properties": {
        **dict.fromkeys(("value", "low", "high", "floor", "floor_low", "floor_high"), NUMBER),
        **{"n": {"type": "integer"}, "seed": {"type": "integer"}, "better": {"enum": ["lower", "higher", "neither"]}},
        "standing": {"type": "string", "pattern": "^(best|undecided|not tested|behind .+)$"},
        "within_floor": {"type": ["boolean", "null"]},
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["model", "study", "seed", "recipe", "samples", "export", "release", "scores", "feature_spaces"],
    "properties": {
        **{name: {"type": "string"} for name in ("model", "study", "mrisynth")},
        **{name: {"type": "integer"} for name in ("seed", "samples")},
        **dict.fromkeys(("replicates", "memorisation", "warnings"), TEXTS),
        "recipe": {"type": "object", "required": ["family", "size"]},
        "export": {"type": "object", "required": ["may_leave", "words"]},
        "release": {
            "type": "object",
            "required": ["verdict", "sentence"],
            "properties": {"verdict": {"enum": ["nothing found", "do not release", "cannot be told", "not tested"]}},
        },
        "scores": {
            "type": "object",
            "propertyNames": {"enum": list(GROUPS)},
            "additionalProperties": {"type": "array", "minItems": 1, "items": SCORE},
        },
        "untrained_generator": {"type": "array", "items": SCORE},
        "feature_spaces": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["features", "view", "sha256", "trained", "verdict", "sentence", "missed"],
                "properties": {"verdict": {"enum": ["trusted", "not trusted", "not judged"]}},
            },
        },
    },
}
UNSTATED = dict.fromkeys(("allowed", "basis", "licence", "attribution"))
FREE, RESTRICTED = (decide({"name": name, "redistribution": UNSTATED}) for name in ("ixi", "adni"))
RECIPE = {"family": "hagan", "condition": "none", "size": 64, "start_from": None, "family_recipe": {"width": 16}}


def card_of(results, model, **changes):
    return scorecard(
        model, results, **{"study": "S", "recipe": RECIPE, "samples": 40, "terms": FREE} | changes
    )  # fmt: skip


def test_scorecard_is_valid_json_without_nan(results, tmp_path):
    for model in ("first", "second_2"):
        stored, page = write_scorecard(tmp_path, card_of(results, model))
        card = json.loads(stored.read_text(), parse_constant=pytest.fail)
        jsonschema.validate(card, SCHEMA)
        tags = Tags(page.read_text())
        assert tags.open == [] and tags.wrong == [] and "<script" not in page.read_text()
    first, second = (json.loads((tmp_path / f"{model}.json").read_text()) for model in ("first", "second_2"))
    assert first["scores"]["Fidelity"][0]["standing"] == "best" and first["recipe"]["width"] == 16
    assert second["scores"]["Fidelity"][0]["standing"] == "behind first"
    assert second["scores"]["Variety"][0]["standing"] == UNDECIDED
    assert second["scores"]["Privacy"][0]["value"] is None and "too few scans" in second["memorisation"][0]
    assert [entry["value"] for entry in first["untrained_generator"]] == [90.0]
    assert first["feature_spaces"][0]["verdict"] == "trusted" and first["feature_spaces"][1]["verdict"] == "not judged"


@pytest.mark.fault(27)
def test_scorecard_of_a_restricted_cohort_says_that_it_must_not_leave(results, tmp_path):
    _, page = write_scorecard(tmp_path, card_of(results, "first", terms=RESTRICTED))
    assert "must not leave" in page.read_text() and "Must not leave." in page.read_text()
    _, page = write_scorecard(tmp_path, card_of(results, "first"))
    assert "must not leave" not in page.read_text() and "CC BY-SA 3.0" in page.read_text()


def test_scorecard_names_missed_controls(tmp_path):
    rows = [score("fid", "first", 20.0), score("fid", "blurred", 9.0, source="control")]
    card = card_of(results_of(rows), "first")
    assert card["feature_spaces"][0]["verdict"] == "not trusted" and card["feature_spaces"][0]["missed"] == [
        "blurred by FID"
    ]
    _, page = write_scorecard(tmp_path, card)
    assert "cannot be trusted" in page.read_text() and "Memorisation: not tested." in page.read_text()


def test_a_release_that_is_spoken_against_is_an_alarm_and_one_that_is_not_is_none(tmp_path):
    words_of = {0.0: "Do not release these samples: X.", 1.0: "Nothing found.", math.nan: "Cannot be told: Y."}
    verdicts = {0.0: "do not release", 1.0: "nothing found", math.nan: "cannot be told"}
    for value, sentence in words_of.items():
        found = results_of([score("release", "first", value, features="all", reference="train", warning=sentence)])
        card = card_of(found, "first")
        assert card["release"] == {"verdict": verdicts[value], "sentence": sentence} and card["memorisation"] == []
        html = page_of(found, tmp_path / "comparison.html", models=["first"])
        assert ("must not be given away" in html) == (value == 0)
        assert ("cannot be told: Y." in html) == math.isnan(value)
