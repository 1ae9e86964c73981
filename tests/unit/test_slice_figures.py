"""What the figures of slices and classifiers show: points, curves, numbers and words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.text import Text

from mrisynth.clusters import joint_maps as joint
from mrisynth.errors import MrisynthError
from mrisynth.metrics.classification import Measure, classifier_measures
from mrisynth.metrics.scoring import Scored
from mrisynth.metrics.slice_similarity import SliceSimilarity
from mrisynth.reporting.classification_figure import classification_figure, classification_panels
from mrisynth.reporting.separability_figure import MappedSpace, separability_figure, separability_panels
from mrisynth.reporting.similarity_figure import similarity_figure, similarity_panels
from mrisynth.reporting.style import ALARM, MUTED, PALETTE, REAL, house_style

CLASSES = ["CN", "AD"]


@pytest.fixture(autouse=True)
def _style():
    with house_style():
        yield


def answers(count=60, classes=2):
    generator = np.random.default_rng(0)
    labels = np.arange(count) % classes
    chances = generator.dirichlet(np.ones(classes), count) + 0.4 * np.eye(classes)[labels]
    return chances / chances.sum(axis=1, keepdims=True), labels, [f"p{row // 2}" for row in range(count)]


def drawn(chances, labels, people, *, classes=CLASSES):
    settings = {"classes": classes, "seed": 1, "title": "", "replicates": 40}
    return classification_panels(chances, labels, people, **settings).axes


def test_a_curve_has_its_band_and_its_area(tmp_path: Path):
    chances, labels, people = answers()
    curve, matrix = drawn(chances, labels, people)
    auc = classifier_measures(chances, labels, people, classes=CLASSES, seed=1, replicates=40)[0]
    assert curve.get_title(loc="left") == f"AUC {auc.value:.2f} ({auc.low:.2f} to {auc.high:.2f})"
    guess, line = curve.get_lines()
    assert line.get_label() == "AD" and guess.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert line.get_xydata()[0].tolist() == [0, 0] and line.get_xydata()[-1].tolist() == [1, 1]
    assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(auc.value)
    [band] = curve.collections
    outline = band.get_paths()[0].vertices
    assert outline.min() >= 0 and outline.max() <= 1 and len(outline) > 400
    assert "60 scans of 30 participants" in curve.get_xlabel() and curve.get_xlim() == curve.get_ylim() == (-0.01, 1.01)
    assert matrix.texts[0].get_text().endswith(" %")
    hidden = np.append(labels, -1)
    classification_figure(
        np.vstack([chances, chances[:1]]),
        hidden,
        [*people, "x"],
        tmp_path / "a.png",
        classes=CLASSES,
        seed=1,
        replicates=20,
    )
    assert imread(tmp_path / "a.png").shape[1] > 1000


def test_a_matrix_shows_counts_and_shares_of_the_true_class():
    chances = np.eye(2)[[0, 0, 0, 1, 1, 0, 1, 1, 1, 1]]
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    _, matrix = drawn(chances, labels, [f"p{row}" for row in range(10)])
    np.testing.assert_allclose(matrix.images[0].get_array(), [[0.75, 0.25], [1 / 6, 5 / 6]])
    assert [text.get_text() for text in matrix.texts] == ["3\n75 %", "1\n25 %", "1\n17 %", "5\n83 %"]
    assert [label.get_text() for label in matrix.get_yticklabels()] == CLASSES
    assert (matrix.get_xlabel(), matrix.get_ylabel()) == ("predicted", "true")
    assert matrix.images[0].get_clim() == (0, 1)
    assert matrix.get_title(loc="left").startswith("Balanced accuracy 0.79")


def test_several_classes_have_a_curve_each():
    curve, matrix = drawn(*answers(classes=3), classes=["a", "b", "c"])
    assert len(curve.get_lines()) == 4 and len(curve.collections) == 3 and len(matrix.texts) == 9
    assert curve.get_legend().get_title().get_text() == "area of each against the rest"
    assert len({line.get_color() for line in curve.get_lines()}) == 4


def test_one_class_alone_is_said_and_few_have_no_band():
    chances, labels, people = answers()
    curve, matrix = drawn(chances, np.ones_like(labels), people)
    assert "one class alone" in curve.texts[0].get_text() and not curve.axison
    assert matrix.get_title(loc="left") == "Balanced accuracy n/a"
    assert [text.get_text() for text in matrix.texts][:2] == ["0", "0"]
    curve, _ = drawn(chances[:6], labels[:6], people[:6])
    assert len(curve.collections) == 0 and "too few for a band" in curve.get_xlabel()


def similarity(labels):
    generator = np.random.default_rng(0)
    rows, summary = [], []
    for label in labels:
        for place, kind in enumerate(("real_real", "real_fake", "fake_fake")):
            values = generator.normal(0.5 + 0.1 * place, 0.05, 200)
            rows += [{"kind": kind, "label": label, "ssim": value} for value in values]
            summary.append(
                {
                    "kind": kind,
                    "label": label,
                    "mean": values.mean(),
                    "low": values.mean() - 0.02,
                    "high": values.mean() + 0.02,
                    "sd": values.std(),
                }
            )
    whole = [row | {"label": "all"} for row in summary[:3]]
    kept = summary if len(labels) > 1 else []
    return SliceSimilarity(
        scored=Scored(pd.DataFrame()), summary=pd.DataFrame([*whole, *kept]), pairs=pd.DataFrame(rows)
    )


def test_similarities_have_a_panel_for_each_class(tmp_path: Path):
    found = similarity(CLASSES)
    panels = similarity_panels(found, title="").axes
    assert [axes.get_title(loc="left") for axes in panels] == CLASSES
    for axes in panels:
        words = [text.get_text() for text in axes.get_legend().get_texts()]
        own = found.summary[found.summary["label"] == axes.get_title(loc="left")].set_index("kind")
        assert words[0] == f"two real slices: {own.loc['real_real', 'mean']:.3f} (sd {own.loc['real_real', 'sd']:.3f})"
        marks = [line for line in axes.get_lines() if line.get_marker() == "o"]
        assert [line.get_xdata()[0] for line in marks] == own["mean"].tolist()
        assert [to_hex(line.get_color()) for line in marks] == [REAL, PALETTE[4], PALETTE[0]]
        bars = [line.get_xdata() for line in axes.get_lines() if line.get_linewidth() == 2.2]
        np.testing.assert_allclose(bars, own[["low", "high"]])
        edges = axes.get_xlim()
        assert edges[0] < found.pairs["ssim"].min() and edges[1] > found.pairs["ssim"].max()
        steps = [patch.get_xy() for patch in axes.patches if patch.get_facecolor()[3] == 0 or not patch.get_fill()]
        assert len(steps) == 3
        for outline in steps:  # the area under each histogram is one
            assert abs(np.trapezoid(outline[:, 1], outline[:, 0])) == pytest.approx(1.0, abs=1e-6)
    assert panels[0].get_xlim() == panels[1].get_xlim()
    similarity_figure(found, tmp_path / "b.svg", title="A $ title")
    assert "<!-- A $ title -->" in (tmp_path / "b.svg").read_text()


def test_one_class_of_slices_has_one_panel_and_four_have_two_rows():
    [axes] = similarity_panels(similarity(["all"]), title="").axes
    assert axes.get_title(loc="left") == "" and len(axes.get_legend().get_texts()) == 3
    panels = similarity_panels(similarity(["a", "b", "c", "d"]), title="").axes
    assert [axes.get_title(loc="left") for axes in panels[:4]] == ["a", "b", "c", "d"]
    assert [axes.axison for axes in panels] == [True] * 4 + [False] * 2
    none = similarity(["all"])
    [empty] = similarity_panels(replace(none, pairs=none.pairs[:0], summary=none.summary[:0]), title="").axes
    assert not empty.axison and empty.texts[0].get_text().startswith("no class has pairs")


def space(name, *, trained=True, value=0.8):
    generator = np.random.default_rng(1)
    maps = {method: (generator.normal(0, 1, (30, 2)), generator.normal(4, 1, (20, 2))) for method in ("UMAP", "t-SNE")}
    real = Measure(name="auc", value=value, low=value - 0.1, high=value + 0.1, better="higher", n=30)
    samples = Measure(name="auc", value=float("nan"), better="higher", n=20)
    labels = np.arange(30) % 2
    labels[0] = -1
    return MappedSpace(
        name=name, trained=trained, maps=maps, real_labels=labels, sample_labels=np.arange(20) % 2, real=real, samples=samples
    )  # fmt: skip


def test_maps_show_every_point_real_filled_and_synthetic_open(tmp_path: Path):
    spaces = [space("inception features", trained=False), space("raw pixels", value=0.6)]
    figure = separability_panels(spaces, classes=CLASSES, title="")
    panels = figure.axes
    titles = [axes.get_title(loc="left") for axes in panels]
    assert titles == [
        f"{method} of {name}" for name in ("UNTRAINED inception features", "raw pixels") for method in ("UMAP", "t-SNE")
    ]
    colours = {text.get_text(): to_hex(text.get_color()) for axes in panels for text in axes.findobj(Text)}
    assert [colours[title] == ALARM for title in titles] == [True, True, False, False]
    for axes, one, method in zip(panels, np.repeat(spaces, 2), ["UMAP", "t-SNE"] * 2, strict=True):
        real, samples = axes.collections[:2]
        for drawn_points, places in ((real, one.maps[method][0]), (samples, one.maps[method][1])):
            assert {tuple(place) for place in drawn_points.get_offsets().data} == {tuple(place) for place in places}
        assert len(samples.get_facecolors()) == 0 and len(real.get_facecolors()) == 30
        colours = [to_hex(colour) for colour in real.get_facecolors()]
        assert (colours.count(PALETTE[0]), colours.count(PALETTE[1]), colours.count(MUTED)) == (14, 15, 1)
        first = int(np.flatnonzero((real.get_offsets().data == one.maps[method][0][1]).all(axis=1))[0])
        assert colours[first] == PALETTE[1]
        assert [to_hex(colour) for colour in samples.get_edgecolors()].count(PALETTE[0]) == 10
        low, high = axes.get_xlim()
        everything = np.concatenate(one.maps[method])[:, 0]
        assert low < everything.min() and high > everything.max()
        assert axes.texts[0].get_text().endswith("synthetic n/a")
    assert "real 0.80 (0.70 to 0.90)" in panels[0].texts[0].get_text()
    assert "real 0.60 (0.50 to 0.70)" in panels[2].texts[0].get_text()
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "CN, real",
        "CN, synthetic",
        "AD, real",
        "AD, synthetic",
    ]
    separability_figure(spaces, tmp_path / "c.png", classes=CLASSES, title="Maps")
    assert imread(tmp_path / "c.png").shape[0] > 1000


def test_sets_without_classes_have_one_colour():
    one = replace(space("raw pixels"), real_labels=np.full(30, -1), sample_labels=np.full(20, -1))
    figure = separability_panels([one], classes=[], title="")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["real", "synthetic"]
    assert {to_hex(colour) for colour in figure.axes[0].collections[0].get_facecolors()} == {MUTED}


def test_joint_maps_keep_groups_apart_and_sets_together(monkeypatch):
    """UMAP itself, which takes long to start, is tested where single maps are; here the first two axes stand for it."""

    def axes_of(features, *, settings, seed):
        assert features.shape == (80, 6) and (settings.neighbours, seed) == (15, 1)
        return SimpleNamespace(coordinates=features[:, :2])

    monkeypatch.setattr(joint, "fit_map", axes_of)
    generator = np.random.default_rng(0)
    labels = np.arange(40) % 2
    real, samples = (generator.normal(0, 1, (40, 6)) + 8 * labels[:, None] for _ in range(2))
    found = joint.joint_maps(real, samples, seed=1)
    assert list(found) == ["UMAP", "t-SNE"]
    for of_real, of_samples in found.values():
        assert of_real.shape == of_samples.shape == (40, 2)
        centres = [of_real[labels == number].mean(axis=0) for number in (0, 1)]
        nearest = np.linalg.norm(of_samples[:, None] - np.array(centres), axis=2).argmin(axis=1)
        assert (nearest == labels).all()
    again = joint.joint_maps(real, samples, seed=1)
    assert (again["t-SNE"][0] == found["t-SNE"][0]).all()
    with pytest.raises(MrisynthError, match="different width"):
        joint.joint_maps(real, samples[:, :3], seed=1)
