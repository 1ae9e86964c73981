from __future__ import annotations

import pandas as pd
import pytest

from mrisynth.files import atomic, read_table, sha256_of, write_json, write_table
from mrisynth.seeds import derive_seed


def test_seeds_are_the_same_everywhere():
    assert derive_seed(42, "sample", "wgp_hagan", 17) == 4936243465014480629


def test_seeds_differ_between_entities():
    seeds = {derive_seed(1, "a", "bc"), derive_seed(1, "ab", "c"), derive_seed(1, "a", 1), derive_seed(1, "a", "1")}
    assert len(seeds) == 4


def test_atomic_leaves_the_old_file_when_the_block_fails(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as unfinished:
        unfinished.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["table.tsv"]


def test_tables_keep_missing_values_and_leading_zeros(tmp_path):
    table = pd.DataFrame({"participant_id": ["001", "002"], "age": [31.5, None], "sex": ["f", None]})
    write_table(table, tmp_path / "t.tsv")
    assert "n/a" in (tmp_path / "t.tsv").read_text()
    again = read_table(tmp_path / "t.tsv")
    assert list(again["participant_id"]) == ["001", "002"]
    assert again["age"].isna().tolist() == [False, True]


def test_words_that_sound_like_nothing_are_kept(tmp_path):
    table = pd.DataFrame({"scan": ["nan", "null"], "diagnosis": ["None", None], "site": ["NA", "n/a"]})
    write_table(table, tmp_path / "t.tsv")
    again = read_table(tmp_path / "t.tsv")
    assert again["scan"].tolist() == ["nan", "null"] and again["diagnosis"].iloc[0] == "None"
    assert again["diagnosis"].isna().tolist() == again["site"].isna().tolist() == [False, True]


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json({"loss": float("nan")}, tmp_path / "x.json")
    assert not (tmp_path / "x.json").exists()


def test_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_of(tmp_path / "x").startswith("ba7816bf")
