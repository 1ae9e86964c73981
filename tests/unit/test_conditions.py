"""Conditions: labels of scans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.conditions import build_condition, read_condition, write_condition
from mrisynth.errors import MrisynthError


@pytest.fixture
def scans() -> pd.DataFrame:
    sexes = ["f", "m", "f", "m", "f", "m", None, "f"]
    terciles = ["low", "high", "middle", "low", "high", "middle", "low", None]
    return pd.DataFrame(
        {
            "scan": [f"sub-{n:02d}" for n in range(8)],
            "sex": sexes,
            "age_tercile": terciles,
            "age": [20.0, 70.0, 50.0, 22.0, 71.0, 51.0, 23.0, None],
            "site": ["HH"] * 8,
            "split": "train",
        }
    )


def test_none_is_one_class_for_all(scans: pd.DataFrame) -> None:
    condition = build_condition("none", scans, kind="none")
    assert condition.classes == []
    assert condition.columns == {}
    assert set(condition.table["label"]) == {0}
    assert set(condition.table["label_name"]) == {"all"}
    assert condition.table["scan"].tolist() == scans["scan"].tolist()


def test_joint_classes_are_the_product_in_fixed_order(scans: pd.DataFrame) -> None:
    condition = build_condition("demographics", scans, kind="categorical", columns=["sex", "age_tercile"])
    assert condition.columns == {"sex": ["m", "f"], "age_tercile": ["low", "middle", "high"]}
    assert condition.classes == ["m low", "m middle", "m high", "f low", "f middle", "f high"]
    assert condition.table["label"].tolist() == [3, 2, 4, 0, 5, 1, -2, -9]
    assert condition.table["label_name"].tolist()[5:] == ["m middle", "n/a low", "f n/a"]
    shuffled = build_condition(
        "demographics", scans.sample(frac=1, random_state=1), kind="categorical", columns=["sex", "age_tercile"]
    )
    assert shuffled.classes == condition.classes
    assert shuffled.labels(scans["scan"]).tolist() == condition.table["label"].tolist()


def test_what_is_known_of_a_scan_with_gaps_is_kept(tmp_path: Path, scans: pd.DataFrame, caplog) -> None:
    scans.loc[0, ["sex", "age_tercile"]] = None
    scans.loc[1, "age_tercile"] = "unheard of"
    scans["split"] = ["train", "test", *["train"] * 6]
    condition = build_condition("c", scans, kind="categorical", columns=["sex", "age_tercile"])
    write_condition(condition, tmp_path / "c.tsv")
    for told in (condition, read_condition(tmp_path / "c.tsv")):
        # one digit a column, 0 for missing: sex m 1, f 2; tercile low 1, middle 2, high 3; label -1 - (4 sex + tercile)
        assert told.labels(scans["scan"]).tolist() == [-1, -5, 4, 0, 5, 1, -2, -9]
        assert told.table["label_name"].fillna("none").tolist()[:3] == ["none", "m n/a", "f middle"]
        assert told.counts(scans["scan"]) == [1, 1, 0, 0, 1, 1]
    assert "of 8 scans 1 have no label and 3 a part of one" in caplog.text


@pytest.mark.parametrize("column", ["scan", "label", "seed"])
def test_columns_with_names_of_the_tables_own_are_refused(scans: pd.DataFrame, column: str) -> None:
    with pytest.raises(MrisynthError, match=f"names {column}, which no condition can be made of"):
        build_condition("c", scans.assign(label="a", seed="b"), kind="categorical", columns=["sex", column])


def test_labels_and_counts_follow_the_scans_asked_for(scans: pd.DataFrame) -> None:
    condition = build_condition("sex", scans, kind="categorical", columns=["sex"])
    assert condition.labels(["sub-01", "sub-00", "sub-06"]).tolist() == [0, 1, -1]
    assert condition.labels(["sub-01"]).dtype == np.int64
    assert condition.counts(scans["scan"]) == [3, 4]
    with pytest.raises(MrisynthError, match="sub-99"):
        condition.labels(["sub-99"])


@pytest.mark.fault(16)
def test_a_category_that_no_training_scan_has_is_unlabelled(scans: pd.DataFrame) -> None:
    scans["diagnosis"] = ["a", "b", "a", "b", "a", "b", "c", "a"]
    scans["split"] = ["train"] * 6 + ["test"] * 2
    condition = build_condition("diagnosis", scans, kind="categorical", columns=["diagnosis"])
    assert condition.classes == ["a", "b"]
    assert condition.table["label"].tolist() == [0, 1, 0, 1, 0, 1, -1, 0]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["site"], ("conditions.c", "column site", "single category HH")),
        (["sex", "site"], ("conditions.c", "column site", "single category HH")),
        (["dose"], ("conditions.c.columns", "dose", "age_tercile")),
        (["t1w"], ("conditions.c", "column t1w", "different values")),
        ([], ("conditions.c.columns", "empty")),
    ],
)
def test_impossible_columns_are_one_sentence(scans: pd.DataFrame, columns: list[str], words: tuple[str, ...]) -> None:
    many = pd.concat([scans.assign(scan=scans["scan"] + f"-{n}") for n in range(3)])
    many["t1w"] = many["scan"] + ".nii.gz"
    with pytest.raises(MrisynthError) as error:
        build_condition("c", many, kind="categorical", columns=columns)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.fault(18)
def test_a_column_without_values_and_one_joint_class_are_refused(scans: pd.DataFrame) -> None:
    with pytest.raises(MrisynthError, match="no value at all"):
        build_condition("c", scans.assign(diagnosis=None), kind="categorical", columns=["diagnosis"])
    apart = scans.assign(sex=["m", "f", None, None, None, None, None, None], diagnosis=["a", None, "b", *[None] * 5])
    with pytest.raises(MrisynthError, match="sex and diagnosis are of one class"):
        build_condition("c", apart, kind="categorical", columns=["sex", "diagnosis"])


def test_random_labels_depend_on_seed_name_and_scan_alone() -> None:
    scans = pd.DataFrame({"scan": [f"sub-{n:04d}" for n in range(600)]})
    condition = build_condition("random", scans, kind="random", classes=6, seed=1)
    assert condition.classes == [f"random-{n}" for n in range(6)]
    assert min(condition.counts(scans["scan"])) > 60
    few = build_condition("random", scans.iloc[100:200], kind="random", classes=6, seed=1)
    assert few.labels(few.table["scan"]).tolist() == condition.labels(few.table["scan"]).tolist()
    other = build_condition("random", scans, kind="random", classes=6, seed=2)
    assert (other.table["label"] != condition.table["label"]).mean() > 0.7


def test_clusters_keep_their_numbers(scans: pd.DataFrame, caplog: pytest.LogCaptureFixture) -> None:
    clusters = pd.DataFrame({"scan": scans["scan"][:7], "cluster": [2, 0, 1, 10, 2, 0, -1]})
    condition = build_condition("umap_cluster.1", scans, kind="clusters", clusters=clusters)
    assert condition.classes == ["cluster-0", "cluster-1", "cluster-2", "cluster-10"]
    assert condition.table["label"].tolist() == [2, 0, 1, 3, 2, 0, -1, -1]
    assert "sub-07" in caplog.text
    named = build_condition("c", scans, kind="clusters", clusters=clusters.assign(cluster_name=list("cabdcaz")))
    assert named.classes == ["a", "b", "c", "d"]
    with pytest.raises(MrisynthError, match=r"conditions\.c: column cluster has the single category"):
        build_condition("c", scans, kind="clusters", clusters=clusters.assign(cluster=0))
    with pytest.raises(MrisynthError, match="scan and cluster"):
        build_condition("c", scans, kind="clusters")


def test_round_trip(tmp_path: Path, scans: pd.DataFrame) -> None:
    scans["code"] = [1, 2, 1, 2, 1, 2, 1, 2]
    for name, columns in (("demographics", ["sex", "age_tercile"]), ("umap.1", ["code", "sex"])):
        condition = build_condition(name, scans, kind="categorical", columns=columns)
        path = tmp_path / f"{name}.tsv"
        write_condition(condition, path)
        assert {file.name for file in tmp_path.glob(f"{name}.*")} == {f"{name}.tsv", f"{name}.json"}
        again = read_condition(path)
        assert again.classes == condition.classes
        assert list(again.columns.items()) == list(condition.columns.items())
        pd.testing.assert_frame_equal(
            again.table.astype("object").fillna("-"), condition.table.astype("object").fillna("-")
        )
    none = build_condition("none", scans, kind="none")
    write_condition(none, tmp_path / "none.tsv")
    assert read_condition(tmp_path / "none.tsv").table["label_name"].tolist() == ["all"] * 8
