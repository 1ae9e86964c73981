"""Archives that try to write outside their folder, and good ones."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mrisynth.archives import unpack_tar, unpack_zip
from mrisynth.errors import MrisynthError


def _tar(path: Path, *entries: tuple[str, bytes | str], mode: str = "w") -> Path:
    """Write entries (name, content); a str content is the kind of a special member."""
    with tarfile.open(path, mode) as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
                continue
            info.type = {
                "symlink": tarfile.SYMTYPE,
                "hardlink": tarfile.LNKTYPE,
                "device": tarfile.CHRTYPE,
                "fifo": tarfile.FIFOTYPE,
                "folder": tarfile.DIRTYPE,
            }[content]
            info.linkname = "../outside" if "link" in content else ""
            tar.addfile(info)
    return path


def _zip(path: Path, *entries: tuple[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            zipped.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def _inside(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_good_tar_is_unpacked(tmp_path: Path, mode: str) -> None:
    archive = _tar(tmp_path / "a.tar", ("T1", "folder"), ("T1/a.nii.gz", b"one"), ("./b.nii.gz", b"two"), mode=mode)
    files = unpack_tar(archive, tmp_path / "out")
    assert _inside(tmp_path / "out") == {"T1/a.nii.gz": b"one", "b.nii.gz": b"two"}
    assert files == [tmp_path / "out/T1/a.nii.gz", tmp_path / "out/b.nii.gz"]


def test_a_good_zip_is_unpacked_again_and_again(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", ("release/fold_all/x.pth", b"w" * 100_000), ("release/plans.json", b"{}"))
    for _ in range(2):
        assert len(unpack_zip(archive, tmp_path / "out")) == 2
    assert _inside(tmp_path / "out")["release/plans.json"] == b"{}"


BAD_TARS: dict[str, Callable[[Path], Path]] = {
    "parent": lambda path: _tar(path, ("good", b"g"), ("../outside", b"x")),
    "deep parent": lambda path: _tar(path, ("good", b"g"), ("a/../../outside", b"x")),
    "absolute": lambda path: _tar(path, ("good", b"g"), (f"{path.parent}/outside", b"x")),
    "symlink": lambda path: _tar(path, ("good", b"g"), ("link", "symlink"), ("link/x", b"x")),
    "hardlink": lambda path: _tar(path, ("good", b"g"), ("link", "hardlink")),
    "device": lambda path: _tar(path, ("good", b"g"), ("null", "device")),
    "fifo": lambda path: _tar(path, ("good", b"g"), ("pipe", "fifo")),
    "twice": lambda path: _tar(path, ("good", b"g"), ("a", b"1"), ("a", b"2")),
    "twice by case": lambda path: _tar(path, ("good", b"g"), ("Scan", b"1"), ("scan", b"2")),
    "twice by dots": lambda path: _tar(path, ("good", b"g"), ("a/b", b"1"), ("a/./b", b"2")),
    "file and folder": lambda path: _tar(path, ("good", b"g"), ("a", b"1"), ("a/b", b"2")),
    "backslash": lambda path: _tar(path, ("good", b"g"), ("a\\b", b"1")),
    "control": lambda path: _tar(path, ("good", b"g"), ("a\nb", b"1")),
}


@pytest.mark.fault(13)
@pytest.mark.parametrize("kind", BAD_TARS)
def test_a_bad_tar_writes_nothing_at_all(tmp_path: Path, kind: str) -> None:
    archive = BAD_TARS[kind](tmp_path / "bad.tar")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(MrisynthError, match=r"bad\.tar"):
        unpack_tar(archive, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    ("entries", "mode"),
    [
        ([("good", b"g"), ("../outside", b"x")], 0),
        ([("good", b"g"), ("/outside", b"x")], 0),
        ([("good", b"g"), ("C:outside", b"x")], 0),
        ([("link", b"../outside")], stat.S_IFLNK | 0o777),
        ([("null", b"")], stat.S_IFCHR | 0o666),
    ],
)
def test_a_bad_zip_writes_nothing_at_all(tmp_path: Path, entries: list[tuple[str, bytes]], mode: int) -> None:
    archive = _zip(tmp_path / "bad.zip", *entries, mode=mode)
    with pytest.raises(MrisynthError, match=r"bad\.zip"):
        unpack_zip(archive, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"bad.zip"}


@pytest.mark.fault(13)
def test_limits_on_members_and_bytes(tmp_path: Path) -> None:
    archive = _tar(tmp_path / "many.tar", *[(f"f{index}", b"") for index in range(50)])
    with pytest.raises(MrisynthError, match="more than 49 members"):
        unpack_tar(archive, tmp_path / "out", most_members=49)
    bomb = _zip(tmp_path / "bomb.zip", ("zeros", bytes(10_000_000)))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(MrisynthError, match="more than 1000000 bytes"):
        unpack_zip(bomb, tmp_path / "out", most_bytes=1_000_000)
    assert not (tmp_path / "out").exists()


def _million(path: Path, members: int = 10**6) -> Path:
    """Write a gzipped tar of empty files ``0000000`` on, by changing the digits and the checksum of one header."""
    first = np.frombuffer(tarfile.TarInfo("0000000").tobuf(tarfile.USTAR_FORMAT), np.uint8)
    powers = 10 ** np.arange(6, -1, -1)
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for start in range(0, members, 50_000):
            digits = np.arange(start, start + 50_000)[:, None] // powers % 10
            headers = np.tile(first, (50_000, 1))
            headers[:, :7] += digits.astype(np.uint8)
            sums = int(first[148:154].tobytes(), 8) + digits.sum(axis=1)
            headers[:, 148:154] = (sums[:, None] // 8 ** np.arange(5, -1, -1) % 8 + ord("0")).astype(np.uint8)
            stream.write(headers.tobytes())
        stream.write(bytes(1024))
    return path


@pytest.mark.fault(13)
def test_a_million_members_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    archive = _million(tmp_path / "many.tar.gz")
    assert archive.stat().st_size < 64 * 2**20
    with tarfile.open(archive) as tar:
        assert [tar.next().name for _ in range(3)] == ["0000000", "0000001", "0000002"]
    with pytest.raises(MrisynthError, match=r"many\.tar\.gz holds more than 100000 members; it was not unpacked"):
        unpack_tar(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.fault(13)
def test_a_bomb_of_a_tar_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    info = tarfile.TarInfo("zeros")
    info.size = 2**40
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(info.tobuf() + bytes(2**20)))
    with pytest.raises(MrisynthError, match="unpacks to more than"):
        unpack_tar(tmp_path / "bomb.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.fault(13)
def test_a_zip_with_one_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = _zip(tmp_path / "a.zip", ("a", b"1"), ("a", b"2"))
    with pytest.raises(MrisynthError, match="twice"):
        unpack_zip(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.fault(13)
def test_a_link_that_stands_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "T1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MrisynthError, match="is a link"):
        unpack_tar(_tar(tmp_path / "a.tar", ("T1/a", b"one")), tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.fault(13)
@pytest.mark.parametrize("cut", [0, 300, 700])
def test_a_truncated_archive_is_one_sentence(tmp_path: Path, cut: int) -> None:
    whole = _tar(tmp_path / "whole.tar", ("a", b"x" * 5000)).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:cut])
    with pytest.raises(MrisynthError, match=r"cut\.tar"):
        unpack_tar(tmp_path / "cut.tar", tmp_path / "out")
    zipped = _zip(tmp_path / "whole.zip", ("a", b"x" * 5000)).read_bytes()
    (tmp_path / "cut.zip").write_bytes(zipped[: len(zipped) * cut // 1000])
    with pytest.raises(MrisynthError, match=r"cut\.zip"):
        unpack_zip(tmp_path / "cut.zip", tmp_path / "out")
    assert not (tmp_path / "out" / "a").exists()


@pytest.mark.fault(13)
def test_a_flipped_byte_in_a_zip_is_noticed(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", ("a", bytes(range(256)) * 50))
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(MrisynthError, match=r"a\.zip could not be unpacked"):
        unpack_zip(path, tmp_path / "out")
    assert _inside(tmp_path / "out") == {}


def test_a_missing_archive_and_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(MrisynthError, match="does not exist"):
        unpack_tar(tmp_path / "no.tar", tmp_path / "out")
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(MrisynthError, match="into"):
        unpack_tar(_tar(tmp_path / "a.tar", ("a", b"one")), tmp_path / "out")
