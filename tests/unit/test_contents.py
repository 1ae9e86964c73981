from __future__ import annotations

import hashlib
import os

import pytest

from mrisynth.files import sha256_of
from mrisynth.provenance import contents
from mrisynth.provenance.contents import REMEMBERED_BYTES, content_of


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """Names of the files whose bytes were read; nothing is remembered within the process."""
    monkeypatch.setattr(contents, "_SETTLED_S", float("inf"))
    names: list[str] = []

    def counted(path):
        names.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr(contents, "sha256_of", counted)
    return names


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "images.npy"
    path.write_bytes(b"7" * REMEMBERED_BYTES)
    return path


def test_a_file_is_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    found = content_of(tmp_path / "a")
    assert found.described() == {"sha256": hashlib.sha256(b"abc").hexdigest(), "bytes": 3}
    assert content_of(tmp_path / "absent") is None


def test_a_folder_is_the_names_and_bytes_of_its_files(tmp_path):
    for name in ("one", "two"):
        for file, text in (("b/z.txt", "1"), ("a.txt", "22")):
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(text)
    one = content_of(tmp_path / "one")
    assert (one.files, one.bytes) == (2, 3)
    lines = "".join(
        f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in (("a.txt", b"22"), ("b/z.txt", b"1"))
    )
    assert one.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert content_of(tmp_path / "two") == one
    (tmp_path / "two" / "a.txt").rename(tmp_path / "two" / "c.txt")
    assert content_of(tmp_path / "two") != one


def test_what_holds_times_or_is_not_finished_does_not_count(tmp_path):
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "grid.png").write_text("1")
    before = content_of(tmp_path / "watch")
    for name in ("events/events.out", "speed.tsv", "__pycache__/x.pyc", ".snakemake_timestamp", ".unfinished-7-x.tsv"):
        (tmp_path / "watch" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "watch" / name).write_text("now")
    assert content_of(tmp_path / "watch") == before


def test_large_files_are_read_once(large, tmp_path, reads):
    first = content_of(large, memory=tmp_path / "memory")
    assert content_of(large, memory=tmp_path / "memory") == first
    assert reads == ["images.npy"]


@pytest.mark.parametrize("change", ["bytes", "time"])
def test_a_large_file_that_changed_is_read_again(large, tmp_path, reads, change):
    first = content_of(large, memory=tmp_path / "memory")
    if change == "bytes":
        with large.open("r+b") as stream:
            stream.write(b"8")
    os.utime(large, ns=(1, 1))
    second = content_of(large, memory=tmp_path / "memory")
    assert reads == ["images.npy"] * 2
    assert (second == first) == (change == "time")


def test_a_large_folder_is_read_once_and_again_when_one_file_changed(large, tmp_path, reads):
    (folder := tmp_path / "T1").mkdir()
    large.rename(folder / "a")
    (folder / "b").write_text("b")
    for _ in range(2):
        content_of(folder, memory=tmp_path / "memory")
    assert reads == ["a", "b"]
    (folder / "b").write_text("c")
    content_of(folder, memory=tmp_path / "memory")
    assert reads == ["a", "b"] * 2


def test_a_process_reads_an_old_file_once_and_a_new_one_again(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(contents, "_SETTLED_S", 2.0)
    for name in ("old", "new"):
        (tmp_path / name).write_text(name)
    os.utime(tmp_path / "old", (1, 1))
    for _ in range(2):
        for name in ("old", "new"):
            assert content_of(tmp_path / name).sha256 == hashlib.sha256(name.encode()).hexdigest()
    assert reads == ["old", "new", "new"]
    (tmp_path / "old").write_text("odl")
    assert content_of(tmp_path / "old").sha256 == hashlib.sha256(b"odl").hexdigest()


def test_a_torn_or_unwritable_memory_costs_time_alone(large, tmp_path, reads):
    memory = tmp_path / "memory"
    content_of(large, memory=memory)
    for entry in memory.iterdir():
        entry.write_text('{"seen": ')
    assert content_of(large, memory=memory).sha256 == sha256_of(large)
    (tmp_path / "file").write_text("")
    assert content_of(large, memory=tmp_path / "file").sha256 == sha256_of(large)
    assert len(reads) == 3
