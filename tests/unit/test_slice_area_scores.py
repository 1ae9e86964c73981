"""Areas by class: known areas, the sign of the difference, what intervals cover, and slices without an area."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from mrisynth.metrics.region_distances import cohens_d
from mrisynth.metrics.resampled_classes import ResampledClasses
from mrisynth.metrics.slice_area_scores import SUMMARY, score_slice_areas
from mrisynth.metrics.slice_similarity import SliceGroup
from mrisynth.metrics.table import COLUMNS
from mrisynth.reporting.areas_figure import areas_figure, areas_panels
from mrisynth.reporting.catalogue import words
from mrisynth.reporting.style import house_style

SIZE, PIXEL_MM = 32, 2.0
REGION = np.zeros((SIZE, SIZE))
REGION[14:20, 12:20] = 1.0


def slice_with(columns):
    """A brain of white matter in a rim of grey, with a pool of fluid in which so many columns are grey matter."""
    image = np.zeros((SIZE, SIZE))
    image[3:29, 3:29], image[7:25, 7:25] = 150, 220
    image[10:22, 9:23] = 40
    image[14:20, 12 : 12 + columns] = 150
    return image.astype(np.uint8)


def group(columns_of_classes, *, each=1):
    """Slices with these columns of grey matter, class by class, ``each`` of one person."""
    columns = [count for counts in columns_of_classes for count in counts]
    labels = [number for number, counts in enumerate(columns_of_classes) for _ in counts]
    people = [f"p{place // each}" for place in range(len(columns))]
    images = np.stack([slice_with(count) for count in columns])
    return SliceGroup(images=images, labels=np.array(labels), participants=people)


def scored(real, fake, *, classes=("AD", "CN"), **changes):
    settings = {"classes": list(classes), "pixel_mm": PIXEL_MM, "model": "m", "seed": 1, "replicates": 60} | changes
    return score_slice_areas(real, fake, REGION, **settings)


SMALL, LARGE = [3, 4, 4, 5, 4, 3], [5, 6, 6, 7, 6, 5]


def test_mean_areas_are_those_that_were_drawn():
    found = scored(group([SMALL, LARGE]), group([LARGE, SMALL]))
    rows = found.summary[found.summary["kind"] == "area"].set_index(["source", "label"])
    column_mm2 = 6 * PIXEL_MM**2
    for source, label, columns in (("real", "AD", SMALL), ("real", "CN", LARGE), ("synthetic", "AD", LARGE)):
        row = rows.loc[source, label]
        assert row["mean_mm2"] == pytest.approx(np.mean(columns) * column_mm2, rel=0.02)
        assert row["sd_mm2"] == pytest.approx(np.std(columns, ddof=1) * column_mm2, rel=0.05)
        assert row["median_mm2"] == pytest.approx(np.median(columns) * column_mm2, rel=0.02)
        assert row["low"] < row["mean_mm2"] < row["high"]
        assert (row["n"], row["participants"], row["unmeasured"]) == (6, 6, 0.0)
    assert list(found.summary.columns) == SUMMARY


def test_the_sign_of_the_difference_is_told():
    wrong, right = scored(group([SMALL, LARGE]), group([LARGE, SMALL])), scored(
        group([SMALL, LARGE]), group([SMALL, LARGE])
    )  # fmt: skip
    for found, expected in ((wrong, "no"), (right, "yes")):
        apart = found.summary[found.summary["kind"] == "difference"].set_index("source")
        assert (apart["label"] == "AD").all() and (apart["against"] == "CN").all()
        assert apart.loc["real", "mean_mm2"] == pytest.approx(-2 * 24, rel=0.02)
        assert apart.loc["real", "d"] < 0 and apart.loc["real", "d_low"] < apart.loc["real", "d"]
        assert apart.loc["synthetic", "same_sign"] == expected
        assert apart["same_sign"].isna().tolist() == [True, False]
    scores = wrong.scored.table.set_index("metric")
    assert list(wrong.scored.table.columns) == COLUMNS
    effect = scores.loc["slice_area_effect_AD_minus_CN"]
    assert effect["value"] > 0 > effect["floor"] and "sign is not" in effect["warning"]
    assert effect["floor_low"] < effect["floor"] < effect["floor_high"] and effect["n"] == 12
    assert "sign" not in right.scored.table.set_index("metric").loc["slice_area_effect_AD_minus_CN", "warning"]


def test_three_classes_are_each_compared_with_the_first_and_none_has_no_difference():
    found = scored(group([SMALL, LARGE, SMALL]), group([SMALL, LARGE, LARGE]), classes=["a", "b", "c"])
    apart = found.summary[found.summary["kind"] == "difference"]
    assert apart[["label", "against", "source"]].to_numpy().tolist() == [
        ["a", "b", "real"], ["a", "b", "synthetic"], ["a", "c", "real"], ["a", "c", "synthetic"],
    ]  # fmt: skip
    assert apart["same_sign"].tolist()[3] == "n/a", "real slices of both classes have equal areas"
    alone = scored(group([SMALL]), group([LARGE]), classes=[])
    assert alone.summary["label"].tolist() == ["all", "all"]
    assert alone.scored.table["metric"].tolist() == ["slice_area", "slice_area_measured"]


def test_slices_without_an_area_are_counted_and_left_out():
    fake = group([SMALL, LARGE])
    fake.images[:2] = 0
    real = group([SMALL, LARGE])
    real.labels[0] = -1
    found = scored(real, fake)
    rows = found.summary[found.summary["kind"] == "area"].set_index(["source", "label"])
    assert rows.loc[("synthetic", "AD"), ["n", "participants"]].tolist() == [6, 4]
    assert rows.loc[("synthetic", "AD"), "unmeasured"] == pytest.approx(2 / 6, abs=1e-3)
    assert rows.loc[("synthetic", "AD"), "mean_mm2"] == pytest.approx(np.mean(SMALL[2:]) * 24, rel=0.02)
    assert rows.loc[("real", "AD"), "n"] == 5 and len(found.areas) == 11 + 12
    scores = found.scored.table.set_index("metric")
    assert scores.loc["slice_area_measured", "value"] == pytest.approx(10 / 12)
    assert "17% of samples" in scores.loc["slice_area_AD", "warning"]
    fake.images[:] = 0
    nothing = scored(real, fake).scored.table.set_index("metric")
    assert np.isnan(nothing.loc["slice_area_AD", "value"]) and nothing.loc["slice_area_AD", "floor"] > 0
    assert "no sample of AD could be measured" in nothing.loc["slice_area_AD", "warning"]
    few = scored(group([SMALL[:3], LARGE]), group([SMALL[:3], LARGE])).scored.table.set_index("metric")
    assert (
        np.isnan(few.loc["slice_area_AD", "low"]) and "3 measured samples of AD" in few.loc["slice_area_AD", "warning"]
    )


def test_effects_are_cohens_d_and_participants_are_drawn_whole():
    generator = np.random.default_rng(0)
    labels, values = np.repeat([0, 1], 40), generator.normal(0, 1, 80)
    people = [f"p{row // 4}" for row in range(80)]
    values += 2.0 * generator.normal(0, 1, 20)[np.arange(80) // 4]
    found = ResampledClasses(values, labels, people, seed=1, replicates=200)
    single = ResampledClasses(values, labels, [f"p{row}" for row in range(80)], seed=1, replicates=200)
    expected = cohens_d(values[labels == 0, None], values[labels == 1, None])[0]
    assert found.effect(0, 1).value == pytest.approx(expected)
    assert found.difference(0, 1).value == pytest.approx(values[:40].mean() - values[40:].mean())
    assert found.effect(0, 1).error > 1.4 * single.effect(0, 1).error, "four slices of one person are not four people"
    again = ResampledClasses(values, labels, people, seed=1, replicates=200)
    assert again.effect(0, 1) == found.effect(0, 1)
    assert np.isnan(ResampledClasses(np.ones(8), labels[36:44], people[36:44], seed=1).effect(0, 1).value)


def test_intervals_cover_the_truth():
    held, draws, truth = 0, 120, -0.8
    for number in range(draws):
        generator = np.random.default_rng(number)
        labels = np.repeat([0, 1], 20)
        person = np.arange(40) // 2
        values = 0.8 * generator.normal(size=20)[person] + 0.6 * generator.normal(size=40) + truth * (labels == 0)
        found = ResampledClasses(values, labels, [f"p{one}" for one in person], seed=number, replicates=80).effect(0, 1)
        held += found.low <= truth <= found.high
    assert 0.9 <= held / draws <= 1.0


def test_the_figure_has_a_panel_for_each_source(tmp_path: Path):
    found = scored(group([SMALL, LARGE]), group([LARGE, SMALL]))
    areas_figure(found, tmp_path / "a.png", title="Areas")
    assert imread(tmp_path / "a.png").shape[1] > 900
    with house_style():
        panels = areas_panels(found, title="").axes
        fake = group([SMALL, LARGE])
        fake.images[:] = 0
        single = areas_panels(scored(group([SMALL[:1], LARGE]), group([SMALL, LARGE])), title="").axes[0]
        empty = areas_panels(scored(group([SMALL, LARGE]), fake), title="").axes
    apart = found.summary[found.summary["kind"] == "difference"].set_index("source")
    for axes, source, title in zip(
        panels, ("real", "synthetic"), ("real test slices", "synthetic slices"), strict=True
    ):
        assert axes.get_title(loc="left").startswith(f"{title}\nAD minus CN: d = {apart.loc[source, 'd']:.2f} (")
        marks = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "o"]
        rows = found.summary[(found.summary["kind"] == "area") & (found.summary["source"] == source)]
        assert marks == rows["mean_mm2"].tolist()
    assert panels[0].get_xlim() == panels[1].get_xlim()
    legend = [text.get_text() for text in single.get_legend().get_texts()]
    assert legend[0].endswith("mm² (n 1)") and legend[1].endswith("n 6)") and "(sd " in legend[1]
    assert empty[0].axison and not empty[1].axison and "could be measured" in empty[1].texts[0].get_text()


@pytest.mark.parametrize(
    ("metric", "title"),
    [
        ("slice_area", "area"),
        ("slice_area_AD", "area, AD"),
        ("slice_area_effect_AD_minus_CN", "area of AD minus CN, d"),
        ("slice_area_difference_m_minus_f", "area of m minus f, mm²"),
        ("slice_area_measured", "slices measured"),
    ],
)
def test_areas_have_words(metric, title):
    assert (words(metric).title, words(metric).group) == (title, "Condition") and words(metric).meaning
