"""Fault 22: names of sites, classes and columns in figures are text, whatever they would mean to a formula or a shell."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.reporting.latex import escaped
from mrisynth.reporting.maps import umap_figure

pytestmark = pytest.mark.fault(22)
NAMES = ["$\\frac{$", "$(touch canary)$", "$x_{$", "\\input{/etc/passwd}", "a\nb\t`touch canary`", "%s{0}<b>"]


def test_a_class_may_have_any_name_in_a_figure(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"scan": [f"sub-{row}" for row in range(12)], "split": "train", "cluster": 0})
    table["cluster_name"] = (NAMES * 2)[:12]
    table[["umap_x", "umap_y"]] = draw.normal(size=(12, 2))
    samples = table.rename(columns={"scan": "id"}).assign(source="model", condition=(NAMES * 2)[:12])
    path = tmp_path / "map.png"
    umap_figure(
        table, samples, path, features="net", trained=True, told=dict(zip(table["scan"], NAMES * 2, strict=True))
    )
    assert path.stat().st_size > 10_000
    assert [found.name for found in tmp_path.iterdir()] == ["map.png"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_latex_table_is_no_command(name: str) -> None:
    text = escaped(name)
    plain = re.sub(r"\\text[a-z]+\{\}", "", text)  # a letter that LaTeX spells out
    for letter in "$%{}_&#":
        assert plain.count(letter) == plain.count(f"\\{letter}")
