"""The figure of covariates in pairs: what each panel holds, and what nobody knows together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex

from mrisynth.covariates.kinds import Covariate
from mrisynth.reporting.covariate_pairs import covariate_pairs, covariate_pairs_figure
from mrisynth.reporting.style import PALETTE, REAL

NAMES = (Covariate("age"), Covariate("sex", "binary", ("f", "m")), Covariate("ventricles_ml"), Covariate("slant"))


def rows(count: int, seed: int, *, hidden: bool) -> np.ndarray:
    generator = np.random.default_rng(seed)
    age = generator.normal(50, 10, count)
    values = np.column_stack([age, generator.integers(0, 2, count), 0.4 * age + generator.normal(0, 3, count), age])
    values[:, 3] = np.nan
    if hidden:
        values[::2, 0], values[1::2, 2] = np.nan, np.nan
    return values


def panels(real: np.ndarray, sampled: np.ndarray) -> tuple[list, np.ndarray]:
    figure = covariate_pairs(real, sampled, covariates=NAMES, title="Ages $ and volumes")
    return figure, np.array(figure.axes).reshape(3, 3)


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]


def test_panels_show_both_tables_and_their_correlations(tmp_path: Path):
    real, sampled = rows(200, 1, hidden=False), rows(300, 2, hidden=False)
    figure, axes = panels(real, sampled)
    points = axes[2, 0].collections
    np.testing.assert_array_equal(points[0].get_offsets(), sampled[:, [0, 2]])
    np.testing.assert_array_equal(points[1].get_offsets(), real[:, [0, 2]])
    assert [to_hex(one.get_facecolor()[0][:3]) for one in points[:2]] == [PALETTE[1], REAL]
    expected = [np.corrcoef(part[:, 0], part[:, 2])[0, 1] for part in (real, sampled)]
    assert texts(axes[0, 2]) == [f"r = {value:+.2f}" for value in expected]
    assert [axes[2, k].get_xlabel() for k in range(3)] == ["age", "sex", "ventricles_ml"]
    assert [text.get_text() for text in axes[2, 1].get_xticklabels()] == ["f", "m"]
    shares = [patch.get_height() for patch in axes[1, 1].patches[:2]]
    np.testing.assert_allclose(shares, np.bincount(real[:, 1].astype(int)) / 200)
    strewn = axes[1, 0].collections[1].get_offsets()
    assert (np.rint(strewn[:, 1]) == real[:, 1]).all() and len(np.unique(strewn[:, 1])) == 200
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["real (200 rows)", "sampled (300 rows)"]
    covariate_pairs_figure(real, sampled, tmp_path / "a.png", covariates=NAMES, title="Ages $ and volumes")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_pairs_that_no_source_knows_are_said_to_be_none():
    _, axes = panels(rows(100, 1, hidden=True), rows(100, 2, hidden=False))
    assert texts(axes[2, 0]) == ["never known together"] and texts(axes[1, 0]) == []
    assert texts(axes[0, 2])[0] == "real: -" and texts(axes[0, 2])[1].startswith("r = +0.")
    assert len(axes[2, 0].collections[1].get_offsets()) == 0


def test_constant_columns_and_few_rows_are_drawn():
    real = rows(2, 1, hidden=False)
    real[:, 0] = 50.0
    _, axes = panels(real, real)
    assert texts(axes[0, 2]) == ["real: -", "sampled: -"] and axes[0, 0].get_xlim()[0] < 50 < axes[0, 0].get_xlim()[1]
