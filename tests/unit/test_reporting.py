"""The page, the boards and the figures, on a study of a few small volumes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread, imsave

from mrisynth.errors import MrisynthError
from mrisynth.files import write_json, write_table
from mrisynth.metrics.pairs import COLUMNS as PAIR_COLUMNS
from mrisynth.metrics.replicates import seed_spread
from mrisynth.metrics.table import Score, score_table
from mrisynth.metrics.verdicts import control_verdicts
from mrisynth.redistribution import decide
from mrisynth.reporting.__main__ import main
from mrisynth.reporting.board import boards
from mrisynth.reporting.catalogue import number
from mrisynth.reporting.cluster_section import ClusterFiles
from mrisynth.reporting.curves import loss_curves
from mrisynth.reporting.page import Figure, Table, write_page
from mrisynth.reporting.scores import score_figure
from mrisynth.reporting.study_page import StudyFiles, write_study_report
from mrisynth.reporting.style import wrapped
from mrisynth.reporting.terminal import score_text
from mrisynth.reporting.training_section import seed_table, validation_warnings
from mrisynth.reporting.validation import kept_states, validation_figure
from mrisynth.reporting.volumes import gallery, mean_and_spread, plane
from mrisynth.reporting.watching import grids_over_time, health_report

UNTRAINED = "Features of an untrained random network: compare only within this study."

UNSTATED = dict.fromkeys(("allowed", "basis", "licence", "attribution"))
FREE, RESTRICTED = (decide({"name": name, "redistribution": UNSTATED}) for name in ("ixi", "adni"))


def scores_of(values, *, trained=False, view="32"):
    """One row per (metric, model, source, value), floor 10 (5 to 20) for FID and .9 (.8 to 1) for the others."""
    rows = []
    for metric, model, source, value in values:
        floors = (10.0, 5.0, 20.0) if metric == "fid" else (0.9, 0.8, 1.0)
        rows.append(
            Score(
                metric=metric, model=model, source=source, features="random", features_sha256="none",
                features_trained=trained, view=view, reference="test", value=value, low=0.9 * value, high=1.1 * value,
                better="lower" if metric == "fid" else "higher", n=12, seed=1,
                warning=f"Only 12 scans a set. {UNTRAINED}",
                **dict(zip(("floor", "floor_low", "floor_high"), floors, strict=True)),
            )
        )  # fmt: skip
    return score_table(rows)


def pairs_of(*found):
    """One row per (metric, one, other, ahead)."""
    rows = [
        ["random", False, "32", metric, "lower", 12, one, other, -1.0, -2.0, -0.5, ahead]
        for metric, one, other, ahead in found
    ]
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


@pytest.fixture
def scores():
    return scores_of(
        [
            ("fid", "hagan", "model", 40.0),
            ("fid", "wgp_hagan", "model", 15.0),
            ("fid", "hagan", "untrained", 2345.6),
            ("fid", "noise", "control", 1.0),  # a control is never marked best
            ("precision", "hagan", "model", 0.0),
            ("precision", "wgp_hagan", "model", np.nan),
            ("precision", "hagan", "untrained", 0.0),
            ("precision", "noise", "control", 0.0),
        ]
    )


def test_board_marks_the_floor_and_a_best_model_that_pairs_support(scores):
    (board,) = boards(scores, pairs=pairs_of(("fid", "hagan", "wgp_hagan", "wgp_hagan")))
    assert [(column.title, column.better, column.n, column.standing) for column in board.columns] == [
        ("FID ↓", "lower", "12", "wgp_hagan"),
        ("precision ↑", "higher", "12", ""),
    ]
    cells = {row.label: row.cells for row in board.rows}
    assert list(cells) == ["hagan", "wgp_hagan", "hagan, untrained", "noise"]
    assert [row.control for row in board.rows] == [False, False, True, True]
    assert [row.cells[0].best for row in board.rows] == [False, True, False, False]
    assert [row.cells[0].at_floor for row in board.rows] == [False, True, False, True]
    assert not any(row.cells[1].best for row in board.rows)  # the smaller number alone makes nobody best
    assert cells["wgp_hagan"][1].text == "n/a" and cells["hagan, untrained"][0].text == "2,346"
    assert cells["hagan"][0].interval == "36.0 to 44.0"
    assert board.floor[0].text == "10.0" and board.floor[0].interval == "5.00 to 20.0" and board.n == "12"


def test_board_marks_nobody_where_pairs_are_undecided(scores):
    (board,) = boards(scores, pairs=pairs_of(("fid", "hagan", "wgp_hagan", "undecided")))
    assert board.columns[0].standing == "undecided" and not any(row.cells[0].best for row in board.rows)


def test_low_resolution_and_further_values_can_be_left_out(scores):
    low = scores_of([("fid", "hagan", "model", 3.0)], view="32 low")
    both = pd.concat([scores, low], ignore_index=True)
    assert [board.view for board in boards(both)] == ["32", "32 low"]
    assert [board.view for board in boards(both, low_resolution=False)] == ["32"]
    (board,) = boards(scores, metrics=["precision"])
    assert [column.metric for column in board.columns] == ["precision"]


def test_numbers_are_short_and_keep_small_values():
    assert [number(value, metric="fid") for value in (0.0026, 0.5, 31.84, 100.4, 23524.0)] == [
        "0.00260", "0.500", "31.8", "100", "23,524",
    ]  # fmt: skip
    assert number(0.9333, metric="precision") == "0.93" and number(np.nan, metric="fid") == "n/a"


def test_numbers_far_from_one_are_powers_of_ten():
    assert [number(value, metric="kid") for value in (1.17e11, -2.34e-5, 0.0, -0.0123)] == [
        "1.2e11", "-2.3e-5", "0.00", "-0.0123",
    ]  # fmt: skip


def test_text_is_aligned_and_says_untrained(scores):
    text = score_text(scores, pairs=pairs_of(("fid", "hagan", "wgp_hagan", "wgp_hagan")))
    lines = text.splitlines()
    assert "UNTRAINED" in lines[0] and "12 test scans" in lines[1]
    assert max(map(len, lines)) <= 110
    places = {line.index("  ") if line.startswith("noise") else None for line in lines} - {None}
    assert places
    (best,) = [line for line in lines if line.startswith("wgp_hagan ")]
    assert "15.0 *" in best and "* ahead of every other model" in text and "undecided" not in text
    assert "15.0 *" not in score_text(scores) and "ahead of" not in score_text(scores)
    ends = {line.rstrip(" *").find(".") for line in lines if line.startswith(("hagan ", "wgp_hagan "))}
    assert len(ends) == 1  # decimal points of the first column stand below each other
    assert "No scores" in score_text(scores.iloc[:0])
    warned = score_text(scores, untrusted=["The feature space random cannot be trusted."])
    assert warned.startswith("!! The feature space random cannot be trusted.")
    undecided = score_text(scores, pairs=pairs_of(("fid", "hagan", "wgp_hagan", "undecided")))
    assert undecided.endswith("undecided which model is best: FID") and "15.0 *" not in undecided


@pytest.mark.fault(22)
def test_page_is_self_contained_escaped_and_loud(scores, tmp_path):
    picture = tmp_path / "figure.png"
    gallery({"two": np.zeros((2, 16, 16, 16), dtype=np.uint8)}, picture, title="two")
    write_page(
        tmp_path / "index.html",
        study="A <b>bold</b> study",
        facts={"seed": 42},
        scores=scores,
        figures=[Figure("Grid", "How & why.", picture, "Samples")],
        exclusions=pd.DataFrame({"reason": ["<script>alert(1)</script>"], "scans": [1]}),
        quality={"scans": 13, "passed": 12, "excluded": 1},
        warnings=["Only 12 scans a set."],
        alarms=["hagan <collapsed>"],
        pairs=pairs_of(("fid", "hagan", "wgp_hagan", "wgp_hagan")),
        boxes={"Read <this> first.": ["The feature space random cannot be trusted."]},
        links={"all of them": "comparison.html"},
        tables=[Table("Recipes", "Words.", pd.DataFrame({"width": [16.0], "note": [None]}), "Samples")],
    )
    html = (tmp_path / "index.html").read_text()
    assert "<script" not in html and "&lt;script&gt;alert(1)" in html and "A &lt;b&gt;bold" in html
    assert re.findall(r'(?:src|href)="((?!#|data:)[^"]*)"', html) == ["comparison.html"] and "http" not in html.replace(
        "http-equiv", ""
    )
    assert html.count("data:image/png;base64,") == 1
    assert "Untrained features." in html and "13 scans in = 12 passed + 1 excluded" in html
    assert html.count('class="tag">best') == 2  # one cell and the legend
    assert (
        html.index("went wrong in training")
        < html.index("hagan &lt;collapsed&gt;")
        < html.index("Read &lt;this&gt; first.")
        < html.index("cannot be trusted.")
        < html.index("Untrained features.")
        < html.index("<table")
    )
    assert html.index('id="scores"') < html.index('id="samples"') < html.index('id="scans"')


def test_trained_features_raise_no_alarm(scores, tmp_path):
    write_page(
        tmp_path / "index.html", study="s", facts={}, scores=scores.assign(features_trained=True), figures=[],
        exclusions=pd.DataFrame(columns=["reason", "scans"]),
        quality={"scans": 1, "passed": 1, "excluded": 0}, warnings=[],
    )  # fmt: skip
    html = (tmp_path / "index.html").read_text()
    assert "Untrained features." not in html and "No scan was excluded." in html
    assert "went wrong in training" not in html


def test_planes_stand_upright():
    volume = np.zeros((16, 16, 16))
    volume[12, 8, 8], volume[8, 12, 8], volume[8, 8, 12] = 1, 2, 3  # right, front, top
    axial, coronal, sagittal = (plane(volume, name) for name in ("axial", "coronal", "sagittal"))
    assert np.argwhere(axial == 1)[0, 1] == 12  # right of the brain on the right
    assert np.argwhere(axial == 2)[0, 0] < 8  # front up
    assert np.argwhere(coronal == 3)[0, 0] < 8  # top up
    sagittal = plane(np.roll(volume, -1, axis=0), "sagittal")  # beside the middle
    assert np.argwhere(sagittal == 2)[0, 1] < 8 and np.argwhere(sagittal == 3)[0, 0] < 8
    with pytest.raises(MrisynthError, match="unknown"):
        plane(volume, "oblique")


def test_spread_of_a_collapsed_model_is_dark(tmp_path):
    generator = np.random.default_rng(0)
    real = generator.integers(0, 256, (6, 16, 16, 16), dtype=np.uint8)
    mean_and_spread({"real": real, "collapsed": np.repeat(real[:1], 6, axis=0)}, tmp_path / "spread.png", title="t")
    picture = imread(tmp_path / "spread.png")[..., :3].mean(axis=2)
    bottom = picture[int(picture.shape[0] * 0.8) : int(picture.shape[0] * 0.9)]
    middle = picture.shape[1] // 2
    assert bottom[:, middle + 30 : -30].mean() < 0.1 < bottom[:, 60 : middle - 30].mean()


def test_figures_are_written_also_when_nothing_can_be_shown(scores, tmp_path):
    score_figure(scores, tmp_path / "scores.png")
    score_figure(scores.assign(value=np.nan), tmp_path / "missing.png")
    score_figure(scores.assign(reference="all"), tmp_path / "all.png")
    score_figure(scores.assign(metric="new"), tmp_path / "none.png")
    for name in ("scores", "missing", "all", "none"):
        assert imread(tmp_path / f"{name}.png").shape[1] > 400


def test_names_break_after_underscores():
    assert wrapped("wgp_hagan_demographics", width=14) == "wgp_hagan_\ndemographics"
    assert wrapped("noise", width=3) == "noise"


def watch(folder, found):
    """A watch folder with a grid at each of these images; its warnings may be None."""
    folder.mkdir()
    for images in found:
        imsave(
            folder / f"grid-{images:09d}.png",
            np.full((20, 30), images % 256, dtype=np.uint8),
            cmap="gray",
            vmin=0,
            vmax=255,
        )
    table = pd.DataFrame({"images_seen": list(found), "diversity": 0.5, "critic_right": 0.6})
    write_table(table.assign(warning=list(found.values())), folder / "health.tsv")
    return folder


def validation_of(model, *, kid, features="random", trained=False):
    rows = {"model": model, "chunk": range(len(kid)), "images_seen": [1000 * (row + 1) for row in range(len(kid))]}
    table = pd.DataFrame(rows).assign(features=features, features_trained=trained, n_real=29, n_synthetic=64)
    table = table.assign(kid=kid, fid=[40 * value for value in kid], warning=f"fid of 29 scans. {UNTRAINED}")
    best = int(np.nanargmin(kid)) if np.isfinite(kid).any() else len(kid) - 1
    return table.assign(chosen=[row == best for row in range(len(kid))])


def test_grids_are_the_first_a_middle_and_the_last(tmp_path):
    folders = [watch(tmp_path / "0", dict.fromkeys((10, 20, 30))), watch(tmp_path / "1", dict.fromkeys((40, 50)))]
    assert grids_over_time(folders, tmp_path / "stack.png") == [10, 30, 50]
    picture = np.round(imread(tmp_path / "stack.png")[..., 0] * 255)
    assert picture.shape == (3 * 20 + 2 * 14, 30)
    assert [picture[row, 5] for row in (5, 39, 73)] == [10, 30, 50] and picture[25, 5] == 255
    assert grids_over_time(folders[:1], tmp_path / "two.png", shown=9) == [10, 20, 30]
    assert grids_over_time([], tmp_path / "none.png") == [] and not (tmp_path / "none.png").exists()


def test_faults_at_the_end_alarm_and_faults_that_passed_are_told(tmp_path):
    report = health_report(
        {
            "sick": [
                watch(tmp_path / "0", {10: None, 20: "collapsed: alike"}),
                watch(tmp_path / "1", {30: "collapsed: alike"}),
            ],
            "better": [watch(tmp_path / "2", {10: "critic saturated: right", 20: None})],
            "well": [watch(tmp_path / "3", {10: None})],
        }
    )
    assert report.alarms == ["sick, at 30 images: collapsed: alike (2 of 3 checks)."]
    assert report.passed == [
        "better: critic saturated at 1 of 2 checks, last at 10 of 20 images; the training got over it."
    ]
    assert health_report({}).alarms == []


def test_validation_marks_the_kept_state(tmp_path):
    tables = {
        "hagan": validation_of("hagan", kid=[0.5, 0.2, 0.3]),
        "wgp": validation_of("wgp", kid=[np.nan] * 2, trained=True),
    }
    kept = kept_states(tables).set_index("model")
    assert kept.loc["hagan", ["kept after images", "of", "KID", "KID of the last"]].tolist() == [
        "2,000", "3,000", "0.200", "0.300",
    ]  # fmt: skip
    assert kept.loc["hagan", "features"] == "random (untrained)" and kept.loc[
        "wgp", ["kept after images", "KID"]
    ].tolist() == ["2,000", "n/a"]
    assert validation_warnings(tables) == ["Validation of hagan, wgp: fid of 29 scans."]
    validation_figure(tables, tmp_path / "v.png", sizes={"hagan": 32, "wgp": 64}, replicates={})
    one = {"hagan": tables["hagan"]}
    validation_figure(one, tmp_path / "one.png", sizes={"hagan": 32}, replicates={})
    assert imread(tmp_path / "v.png").shape[0] > 1.6 * imread(tmp_path / "one.png").shape[0]  # a row for each space


def test_health_is_drawn_beside_the_losses_and_is_no_loss(tmp_path):
    plain = pd.DataFrame({"images_seen": [8, 16], "generator_high": 1.0, "critic_high": 2.0, "penalty": 0.1})
    off = plain.assign(waited_seconds=0.1, rollbacks=0, memory_gb=1.0, augmentation=0.0)
    on = off.assign(right_high=0.9, diversity=[1.0, np.nan], augmentation=0.2)
    for name, tables in {"plain": [plain], "off": [off], "on": [off, on]}.items():
        loss_curves({str(place): [table] for place, table in enumerate(tables)}, tmp_path / f"{name}.png")
    plain, off, on = (imread(tmp_path / f"{name}.png") for name in ("plain", "off", "on"))
    assert plain.shape == off.shape and (plain == off).all()  # speed, memory and an augmentation never on are no loss
    assert on.shape[1] > 1.2 * off.shape[1]  # a panel more


def test_seeds_share_a_line_of_the_figure_and_a_row_of_the_table(tmp_path):
    values = [("fid", name, "model", value) for name, value in (("gan", 30.0), ("gan_seed2", 36.0), ("other", 50.0))]
    scores, replicates = scores_of(values), {"gan": ["gan", "gan_seed2"]}
    score_figure(scores, tmp_path / "apart.png")
    score_figure(scores, tmp_path / "joined.png", replicates=replicates)
    assert imread(tmp_path / "joined.png").shape[0] < imread(tmp_path / "apart.png").shape[0]
    (table,) = seed_table(seed_spread(scores, replicates))
    assert table.frame["mean ± standard deviation"].tolist() == ["33.0 ± 4.24"]
    assert table.frame["least to largest"].tolist() == ["30.0 to 36.0"] and table.frame["seeds"].tolist() == ["2"]


@pytest.fixture
def study(tmp_path, scores):
    generator = np.random.default_rng(1)
    names = [f"scan{row}" for row in range(6)]
    pyramid = tmp_path / "pyramid"
    pyramid.mkdir()
    np.save(pyramid / "32.npy", generator.integers(0, 256, (6, 32, 32, 32), dtype=np.uint8))
    write_table(pd.DataFrame({"row": range(6), "scan": names, "sha256": "x", "sha256_32": "x"}), pyramid / "index.tsv")
    np.save(tmp_path / "samples.npy", generator.integers(0, 256, (5, 32, 32, 32), dtype=np.uint8))
    scans = pd.DataFrame({"scan": [*names, "bad"], "participant_id": [*names, "bad"], "sex": list("mfmfmfm")})
    scans["split"] = ["test", "test", "test", "train", "train", "train", "train"]
    quality = pd.DataFrame({"scan": scans["scan"], "status": ["passed"] * 6 + ["excluded"]})
    quality = quality.assign(reason=[None] * 6 + ["not_3d"], message=[None] * 6 + ["bad.nii.gz has 4 axes."])
    imsave(tmp_path / "map.png", np.zeros((20, 30)))
    stability = {"mean": 0.31, "low": 0.1, "resamplings": 50, "mean_pca": 0.2, "without_clusters": 0}
    write_json({"round": 2, "stability": stability, "warnings": ["Mostly the site."]}, tmp_path / "map.json")
    overlap = pd.DataFrame({"column": ["sex"], "n": [6], "categories": [2], "nmi": [0.123], "ami": [0.034]})
    curve = pd.DataFrame(
        {"step": [1, 2], "images_seen": [8, 16], "generator_high": [1.0, 2.0], "critic_high": [3.0, 1.0]}
    )
    curve = curve.assign(right_high=0.7, diversity=[1.2, np.nan], memory_gb=1.0, images_per_second=9.0)
    watch(tmp_path / "watch-0", {8: None, 16: "collapsed: too alike"})
    balance = pd.DataFrame({"variable": ["age"], "level": ["mean"], "split": ["test"], "participants": [3]})
    balance = balance.assign(value=40.0, smd=0.31)
    tables = {"metrics": scores, "quality": quality, "scans": scans, "overlap": overlap, "curve": curve}
    tables |= {"validation": validation_of("wgp_hagan", kid=[0.5, 0.2, 0.3]), "replicates": seed_spread(scores, {})}
    tables |= {"comparison": pairs_of(("fid", "hagan", "wgp_hagan", "wgp_hagan")), "verdicts": control_verdicts(scores)}
    for name, table in (tables | {"balance": balance}).items():
        write_table(table, tmp_path / f"{name}.tsv")
    names = ("metrics", "comparison", "verdicts", "quality", "scans", "balance", "replicates")
    paths = {name: tmp_path / f"{name}.tsv" for name in names}
    return StudyFiles(
        **paths,
        pyramid=pyramid,
        samples={"wgp_hagan": tmp_path / "samples.npy"},
        controls={"noise": tmp_path / "samples.npy"},
        curves={"wgp_hagan": [tmp_path / "curve.tsv", tmp_path / "curve.tsv"]},
        watches={"wgp_hagan": [tmp_path / "watch-0"]},
        validation={"wgp_hagan": tmp_path / "validation.tsv"},
        clusters={
            "wgp_hagan": ClusterFiles(
                picture=tmp_path / "map.png", overlap=tmp_path / "overlap.tsv", facts=tmp_path / "map.json"
            )
        },
    )


def test_whole_report_of_a_small_study(study, tmp_path):
    recipe = {"family": "wgp_hagan", "condition": "none", "size": 32, "family_recipe": {"width": 16}}
    write_study_report(
        tmp_path / "report" / "index.html", figures=tmp_path / "report" / "figures", title="Small", seed=1, files=study,
        models={"wgp_hagan": recipe}, replicates={}, terms=FREE,
    )  # fmt: skip
    html = (tmp_path / "report" / "index.html").read_text()
    drawn = sorted(path.stem for path in (tmp_path / "report" / "figures").iterdir())
    assert drawn == [
        "gallery_32", "losses", "preview_wgp_hagan", "samples_wgp_hagan", "scores", "spread_32",
        "validation",
    ]  # fmt: skip
    assert "wgp_hagan, at 16 images: collapsed: too alike (1 of 2 checks)." in html
    assert html.index("Score against images seen") < html.index("during training") < html.index("<td>width</td>")
    assert "after 8, 16 training images" in html and "Spread between seeds" not in html
    assert html.count("data:image/png;base64,") == len(drawn) + 1  # the map of the clusters
    assert "Round 2: a map" in html and "0.31" in html and "Clusters of wgp_hagan: mostly the site." in html
    assert "bad.nii.gz" not in html and "<td><code>not_3d</code></td><td>1</td>" in html
    assert FREE.attribution in html and "7 scans in = 6 passed + 1 excluded" in html
    assert "40.0 (3)" in html and "<td>0.31</td>" in html and "<td>width</td><td>16</td>" in html
    assert "FID and precision in random, against test scans: only 12 scans a set." in html
    assert "cannot be trusted for this cohort: real scans do not score better than noise (fid)." in html
    assert html.count('class="tag">best') == 2 and 'href="scorecards/wgp_hagan.html"' in html


def test_the_page_shows_what_the_filter_kept_and_the_arms(study, tmp_path):
    counts = {"what": ["checks", "masks"], "of": [8, 4], "accepted": [6, 1], "rate": [0.75, 0.25]}
    write_table(pd.DataFrame(counts | {"low": [0.4, 0.05], "high": [0.9, 0.7]}), tmp_path / "acceptance.tsv")
    dice = {"structure": ["ball"], "measure": ["dice"], "low": [0.1], "high": [0.3], "participants": [12]}
    write_table(pd.DataFrame({"arm": ["both"], "value": [0.2]} | dice), tmp_path / "arms.tsv")
    differences = {"one": ["source"], "other": ["both"], "difference": [0.2], "ahead": ["source"]} | dice
    write_table(pd.DataFrame(differences), tmp_path / "differences.tsv")
    recipe = {"family": "wgp_hagan", "condition": "none", "size": 32, "family_recipe": {"width": 16}}
    write_study_report(
        tmp_path / "report" / "index.html", figures=tmp_path / "report" / "figures", title="Small", seed=1,
        files=replace(
            study, acceptance={"target": tmp_path / "acceptance.tsv"},
            arms=[tmp_path / "arms.tsv", tmp_path / "differences.tsv"],
        ),
        models={"wgp_hagan": recipe}, replicates={}, terms=FREE,
    )  # fmt: skip
    html = (tmp_path / "report" / "index.html").read_text()
    section = html.split("<h2>Synthesis and segmentation</h2>")[1].split("</section>")[0]
    assert "What the filter kept of target" in section and "<td>6 of 8</td><td>0.750 (0.400 to 0.900)</td>" in section
    assert "<td>both</td><td>0.200 (0.100 to 0.300)</td>" in section and "+0.200 (+0.100 to +0.300)" in section


@pytest.mark.fault(27)
def test_pictures_of_a_restricted_cohort_stay_where_they_are_and_the_page_shows_them_from_there(study, tmp_path):
    recipe = {"family": "wgp_hagan", "condition": "none", "size": 32, "family_recipe": {"width": 16}}
    write_study_report(
        tmp_path / "report" / "index.html", figures=tmp_path / "report" / "figures", title="Small", seed=1, files=study,
        models={"wgp_hagan": recipe}, replicates={}, terms=RESTRICTED, kept=tmp_path / "pictures",
    )  # fmt: skip
    html = (tmp_path / "report" / "index.html").read_text()
    open_to_all = sorted(path.stem for path in (tmp_path / "report" / "figures").iterdir())
    assert open_to_all == ["losses", "scores", "validation"]
    assert html.count("data:image/png;base64,") == len(open_to_all)
    kept = {"gallery_32", "preview_wgp_hagan", "samples_wgp_hagan", "spread_32"}
    assert {path.stem for path in (tmp_path / "pictures").iterdir()} == kept
    shown = re.findall(r'<img src="(?!data:)([^"]+)"', html)
    assert set(shown) == {f"../pictures/{name}.png" for name in kept} | {"../map.png"}
    assert all((tmp_path / "report" / path).is_file() for path in shown)
    assert "img-src data: 'self' file:;" in html and "RESTRICTED COHORT" in html and "ADNI" in html


def test_the_command_prints_the_table_and_names_what_is_missing(study, tmp_path, capsys):
    assert main([str(tmp_path)]) == 1 and "verdicts.tsv is not there" in capsys.readouterr().err
    (tmp_path / "controls").mkdir()
    study.verdicts.rename(tmp_path / "controls" / "verdicts.tsv")
    assert main([str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "15.0 *" in shown and shown.strip().startswith("!!") and "comparison.html" in shown
