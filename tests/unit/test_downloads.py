"""Downloads from a server on this machine that misbehaves on demand."""

from __future__ import annotations

import hashlib
import io
import shutil
import socket
import tarfile
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mrisynth import downloads
from mrisynth.downloads import Download, fetch, fetch_dataset, read_datasets
from mrisynth.errors import MrisynthError

CONTENT = bytes(range(256)) * 4000
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"  # noqa: S324


class _Server(ThreadingHTTPServer):
    """Serves CONTENT at any path; the first part of the path says how it misbehaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str | None]] = []
        self.etag = '"one"'
        self.content = CONTENT

    def handle_error(self, *_: object) -> None:
        """A client that hangs up early is what some tests are about."""

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        mode = self.path.split("/")[1]
        before = sum(path == self.path for path, _ in self.server.requests) - 1
        if mode == "absent":
            return self._answer(404, b"gone")
        if mode == "busy" or (mode == "shaky" and before < 2):
            return self._answer(503, b"later")
        if mode == "moved":
            return self._answer(302, b"", Location="/page/x")
        if mode == "redirect":
            return self._answer(302, b"", Location="/good/x")
        if mode == "loop":
            return self._answer(302, b"", Location=self.path)
        if mode == "disk":
            return self._answer(302, b"", Location="file:///etc/hostname")
        if mode == "disguised":
            return self._answer(200, b"\r\n<!DOCTYPE HTML><title>Please log in</title>")
        if mode == "unstated":
            return self._without_length(len(self.server.content) // 2)
        if mode == "page":
            return self._answer(200, b"<html>log in</html>", **{"Content-Type": "text/html; charset=utf-8"})
        if mode == "wrong":
            return self._answer(200, b"x" * len(self.server.content))
        return self._file(mode, asked, before)

    def _without_length(self, keep: int) -> None:
        """Answer as old servers do: the file is over when the connection is."""
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(self.server.content[:keep])
        self.close_connection = True

    def _file(self, mode: str, asked: str | None, before: int) -> None:
        body = self.server.content
        unchanged = self.headers.get("If-Range") in (None, self.server.etag)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and unchanged and mode != "norange" else 0
        if start >= len(body):
            return self._answer(416, b"", **{"Content-Range": f"bytes */{len(body)}"})
        headers = {"ETag": self.server.etag} if mode != "notag" else {}
        if start:
            headers["Content-Range"] = f"bytes {0 if mode == 'elsewhere' else start}-{len(body) - 1}/{len(body)}"
        keep = None if mode != "short" or before else len(body) // 3
        return self._answer(206 if start else 200, body[start:], keep=keep, **headers)

    def _answer(self, status: int, body: bytes, *, keep: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/octet-stream", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:keep])
        if keep is not None:
            self.close_connection = True


@pytest.fixture
def server(serve) -> _Server:
    return serve(_Server())


@pytest.fixture
def source(server: _Server) -> Download:
    return Download(
        name="thing",
        file_name="thing.bin",
        addresses=(server.address("good/x"),),
        checksum=SHA256,
        size_bytes=len(CONTENT),
    )


def _fetch(source: Download, target: Path) -> None:
    fetch(source, target, backoff_s=0.001)


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("checksum", [SHA256, MD5])
def test_the_right_bytes_arrive_and_nothing_else_stays(source: Download, tmp_path: Path, checksum: str) -> None:
    target = tmp_path / "deep" / "thing.bin"
    _fetch(replace(source, checksum=checksum), target)
    assert target.read_bytes() == CONTENT
    assert _left(target.parent) == {"thing.bin"}


@pytest.mark.fault(14)
def test_a_file_in_place_needs_no_network(source: Download, server: _Server, tmp_path: Path) -> None:
    target = tmp_path / "thing.bin"
    target.write_bytes(CONTENT)
    _fetch(source, target)
    assert server.requests == []
    target.write_bytes(b"x" * len(CONTENT))
    with pytest.raises(MrisynthError, match=r"is not the expected thing\.bin"):
        _fetch(source, target)
    assert target.read_bytes()[:1] == b"x"


@pytest.mark.fault(14)
def test_two_server_errors_then_success(source: Download, server: _Server, tmp_path: Path) -> None:
    _fetch(replace(source, addresses=(server.address("shaky/x"),)), tmp_path / "thing.bin")
    assert len(server.requests) == 3
    assert (tmp_path / "thing.bin").read_bytes() == CONTENT


@pytest.mark.fault(14)
def test_at_most_three_tries_and_growing_pauses(
    source: Download, server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(downloads.time, "sleep", pauses.append)
    with pytest.raises(MrisynthError, match="503") as error:
        fetch(replace(source, addresses=(server.address("busy/x"),)), tmp_path / "thing.bin", backoff_s=2.0)
    assert len(server.requests) == 3
    assert pauses == [2.0, 4.0]
    assert str(tmp_path / "thing.bin") in str(error.value)
    assert not (tmp_path / "thing.bin").exists()


def test_the_next_address_is_tried(source: Download, server: _Server, tmp_path: Path) -> None:
    addresses = tuple(server.address(f"{mode}/x") for mode in ("absent", "wrong", "page", "good"))
    _fetch(replace(source, addresses=addresses), tmp_path / "thing.bin")
    assert [path for path, _ in server.requests] == ["/absent/x", "/wrong/x", "/page/x", "/good/x"]
    assert (tmp_path / "thing.bin").read_bytes() == CONTENT


@pytest.mark.fault(14)
@pytest.mark.parametrize(("mode", "words"), [("wrong", "checksum"), ("moved", "web page"), ("absent", "404")])
def test_wrong_bytes_are_never_accepted(
    source: Download, server: _Server, tmp_path: Path, mode: str, words: str
) -> None:
    with pytest.raises(MrisynthError, match=words):
        _fetch(replace(source, addresses=(server.address(f"{mode}/x"),)), tmp_path / "thing.bin")
    assert _left(tmp_path) == set()


def test_a_redirect_to_the_right_file_is_followed(source: Download, server: _Server, tmp_path: Path) -> None:
    _fetch(replace(source, addresses=(server.address("redirect/x"),)), tmp_path / "thing.bin")
    assert [path for path, _ in server.requests] == ["/redirect/x", "/good/x"]
    assert (tmp_path / "thing.bin").read_bytes() == CONTENT


@pytest.mark.fault(14)
@pytest.mark.parametrize(("mode", "words"), [("loop", "TooManyRedirects"), ("disk", "InvalidSchema")])
def test_a_redirect_in_a_circle_or_to_this_machine_is_refused(
    source: Download, server: _Server, tmp_path: Path, mode: str, words: str
) -> None:
    unknown = replace(source, addresses=(server.address(f"{mode}/x"),), checksum=None, size_bytes=None)
    with pytest.raises(MrisynthError, match=words):
        _fetch(unknown, tmp_path / "thing.bin")
    assert _left(tmp_path) == set()


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    ("file_name", "mode", "words"),
    [
        ("thing.bin", "disguised", "it is a web page"),
        ("IXI.xls", "wrong", r"it does not start like a \.xls file"),
        ("release.zip", "good", r"it does not start like a \.zip file"),
    ],
)
def test_without_a_checksum_a_file_must_at_least_be_of_its_kind(
    source: Download, server: _Server, tmp_path: Path, file_name: str, mode: str, words: str
) -> None:
    unknown = replace(source, file_name=file_name, addresses=(server.address(f"{mode}/x"),), checksum=None)
    with pytest.raises(MrisynthError, match=words):
        _fetch(replace(unknown, size_bytes=None), tmp_path / file_name)
    assert _left(tmp_path) == set()  # nothing was recorded as the checksum either


@pytest.mark.fault(14)
def test_a_cut_that_no_length_shows_is_never_accepted(source: Download, server: _Server, tmp_path: Path) -> None:
    address = server.address("unstated/x")
    with pytest.raises(MrisynthError, match="does not say how long the file is"):
        _fetch(replace(source, addresses=(address,), checksum=None, size_bytes=None), tmp_path / "thing.bin")
    for known in ({"checksum": None}, {"size_bytes": None}):
        with pytest.raises(MrisynthError, match=r"bytes|checksum"):
            _fetch(replace(source, addresses=(address,), **known), tmp_path / "thing.bin")
    assert not (tmp_path / "thing.bin").exists()
    assert not (tmp_path / "checksums.tsv").exists()


@pytest.mark.fault(14)
def test_wrong_size_is_refused_before_the_bytes(source: Download, server: _Server, tmp_path: Path) -> None:
    with pytest.raises(MrisynthError, match=f"has {len(CONTENT)} bytes, 7 were expected"):
        _fetch(replace(source, size_bytes=7), tmp_path / "thing.bin")
    assert len(server.requests) == 1


@pytest.mark.fault(14)
def test_a_short_read_goes_on_where_it_stopped(source: Download, server: _Server, tmp_path: Path) -> None:
    _fetch(replace(source, addresses=(server.address("short/x"),)), tmp_path / "thing.bin")
    arrived = len(CONTENT) // 3 // 2**16 * 2**16  # whole blocks
    assert [asked for _, asked in server.requests] == [None, f"bytes={arrived}-"]
    assert (tmp_path / "thing.bin").read_bytes() == CONTENT


def _half_done(source: Download, tmp_path: Path, *, size: int, validator: str | None = '"one"') -> Path:
    part = tmp_path / "thing.bin.part"
    part.write_bytes(CONTENT[:size])
    downloads.write_json({"address": source.addresses[0], "validator": validator}, tmp_path / "thing.bin.part.json")
    return tmp_path / "thing.bin"


@pytest.mark.fault(14)
@pytest.mark.parametrize("size", [1000, len(CONTENT)])
def test_a_later_call_resumes(source: Download, server: _Server, tmp_path: Path, size: int) -> None:
    target = _half_done(source, tmp_path, size=size)
    _fetch(source, target)
    assert [asked for _, asked in server.requests] == [f"bytes={size}-"]
    assert target.read_bytes() == CONTENT
    assert _left(tmp_path) == {"thing.bin"}


@pytest.mark.fault(14)
def test_a_changed_file_is_not_joined_to_the_old_half(source: Download, server: _Server, tmp_path: Path) -> None:
    target = _half_done(source, tmp_path, size=1000, validator='"older"')
    (tmp_path / "thing.bin.part").write_bytes(b"x" * 1000)
    _fetch(replace(source, checksum=None, size_bytes=None), target)
    assert target.read_bytes() == CONTENT


@pytest.mark.fault(14)
def test_a_spoilt_half_is_thrown_away_and_fetched_anew(source: Download, server: _Server, tmp_path: Path) -> None:
    target = _half_done(source, tmp_path, size=1000)
    (tmp_path / "thing.bin.part").write_bytes(b"x" * 1000)
    _fetch(source, target)
    assert [asked for _, asked in server.requests] == ["bytes=1000-", None]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("mode", ["norange", "notag"])
def test_servers_that_cannot_resume(source: Download, server: _Server, tmp_path: Path, mode: str) -> None:
    unknown = replace(source, addresses=(server.address(f"{mode}/x"),), checksum=None, size_bytes=None)
    target = _half_done(unknown, tmp_path, size=1000, validator=None if mode == "notag" else '"one"')
    _fetch(unknown, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.fault(14)
def test_a_server_that_resumes_elsewhere_is_not_believed(source: Download, server: _Server, tmp_path: Path) -> None:
    unknown = replace(source, addresses=(server.address("elsewhere/x"),), checksum=None)
    target = _half_done(unknown, tmp_path, size=1000)
    _fetch(unknown, target)
    assert [asked for _, asked in server.requests] == ["bytes=1000-", None]
    assert target.read_bytes() == CONTENT


@pytest.mark.fault(5)
def test_a_half_longer_than_the_file_is_thrown_away(source: Download, server: _Server, tmp_path: Path) -> None:
    target = _half_done(source, tmp_path, size=1000)
    (tmp_path / "thing.bin.part").write_bytes(CONTENT + b"more")
    _fetch(source, target)
    assert target.read_bytes() == CONTENT


def test_an_unpublished_checksum_is_recorded_once_and_held(source: Download, server: _Server, tmp_path: Path) -> None:
    unknown = replace(source, checksum=None, size_bytes=None)
    target = tmp_path / "thing.bin"
    _fetch(unknown, target)
    _fetch(unknown, target)
    record = (tmp_path / "checksums.tsv").read_text().splitlines()
    assert record[0] == "file_name\tbytes\tchecksum\taddress"
    assert record[1:] == [f"thing.bin\t{len(CONTENT)}\t{SHA256}\t{source.addresses[0]}"]
    target.unlink()
    server.content = CONTENT[::-1]
    with pytest.raises(MrisynthError, match="checksum"):
        _fetch(unknown, target)
    assert not target.exists()


@pytest.mark.fault(14)
def test_without_a_network_the_message_says_what_to_do(source: Download, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
    with pytest.raises(MrisynthError) as error:
        _fetch(replace(source, addresses=(address,)), tmp_path / "thing.bin")
    message = str(error.value)
    assert address in message
    assert f"put it at {tmp_path / 'thing.bin'}" in message
    assert message.count("ConnectionError") == 1  # the same failure is told once


@pytest.mark.fault(6)
def test_a_full_disk_is_said_before_the_download(
    source: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = downloads.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(MrisynthError, match="free some space"):
        _fetch(source, tmp_path / "thing.bin")


def _table(folder: Path, file_name: str, address: str, checksum: str = "n/a") -> Path:
    table = folder / "datasets.tsv"
    row = "\t".join(["thing", file_name, address, "n/a", checksum, "MIT", "none"])
    table.write_text(f"name\tfile_name\taddress\tbytes\tchecksum\tlicence\tcitation\n{row}\n")
    return table


def test_a_data_set_that_is_a_file_becomes_the_target(server: _Server, tmp_path: Path) -> None:
    table = _table(tmp_path, "thing.bin", server.address("good/x"), SHA256)
    fetch_dataset("thing", table=table, target=tmp_path / "weights" / "other_name.bin")
    assert (tmp_path / "weights" / "other_name.bin").read_bytes() == CONTENT
    with pytest.raises(MrisynthError, match=r"datasets\.tsv has no row named thong; it has thing"):
        fetch_dataset("thong", table=table, target=tmp_path / "x")


def test_a_data_set_that_is_an_archive_becomes_a_folder(server: _Server, tmp_path: Path) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as writer:
        writer.writestr("fold_all/x.pth", b"weights")
    server.content = zipped.getvalue()
    table = _table(tmp_path, "release.zip", server.address("good/x"))
    target = tmp_path / "weights" / "hd_bet"
    for _ in range(2):
        fetch_dataset("thing", table=table, target=target)
        assert (target / "fold_all" / "x.pth").read_bytes() == b"weights"
        assert _left(target.parent) == {"hd_bet", "release.zip", "checksums.tsv"}
        shutil.rmtree(target)
    assert len(server.requests) == 1  # the second time from the kept archive
    target.mkdir()
    (target / "mine").write_bytes(b"keep")
    with pytest.raises(MrisynthError, match="is there already"):
        fetch_dataset("thing", table=table, target=target)
    assert (target / "mine").read_bytes() == b"keep"


@pytest.mark.fault(13)
def test_a_refused_archive_leaves_no_folder(server: _Server, tmp_path: Path) -> None:
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w") as writer:
        for name in ("good", "../evil"):
            writer.addfile(tarfile.TarInfo(name), io.BytesIO())
    server.content = tarred.getvalue()
    table = _table(tmp_path, "all.tar", server.address("good/x"))
    with pytest.raises(MrisynthError, match=r"all\.tar holds '\.\./evil'"):
        fetch_dataset("thing", table=table, target=tmp_path / "ixi" / "T1")
    assert _left(tmp_path / "ixi") == {"all.tar", "checksums.tsv"}
    assert _left(tmp_path) == {"datasets.tsv", "ixi"}


def test_committed_downloads_are_complete(repository: Path) -> None:
    datasets = read_datasets(repository / "resources" / "datasets.tsv")
    assert {"ixi_t1", "ixi_demographics", "icbm152_2009c", "hd_bet", "medicalnet_resnet50"} <= set(datasets)
    assert datasets["ixi_t1"].checksum == "md5:34901a0593b41dd19c1a1f746eac2d58"
    for entry in datasets.values():
        assert entry.licence
        assert entry.citation
        assert len(entry.addresses) > 1
        assert entry.checksum or entry.addresses[0].startswith(
            "https://"
        )  # nothing else says that the bytes are theirs


@pytest.mark.parametrize(
    "row",
    [
        "thing\tthing.bin\tftp://x/y\tn/a\tn/a\tMIT\tnone",
        "thing\tthing.bin\t\tn/a\tn/a\tMIT\tnone",
        "thing\tthing.bin\thttp://x/y\tbig\tn/a\tMIT\tnone",
        "thing\tthing.bin\thttp://x/y\tn/a\tsha1:00\tMIT\tnone",
        "thing\t../thing.bin\thttp://x/y\tn/a\tn/a\tMIT\tnone",
    ],
)
def test_rows_that_are_no_download_name_the_line(tmp_path: Path, row: str) -> None:
    table = tmp_path / "datasets.tsv"
    table.write_text(f"name\tfile_name\taddress\tbytes\tchecksum\tlicence\tcitation\n{row}\n")
    with pytest.raises(MrisynthError, match=r"line 2 of .*datasets\.tsv"):
        read_datasets(table)
    with pytest.raises(MrisynthError, match="cannot be read"):
        read_datasets(tmp_path / "absent.tsv")
