"""The download rules at work, against a server on this machine: what arrives, what is refused, and how it ends."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow
SCANS = {"IXI002-Guys-0828-T1.nii.gz": b"one", "IXI012-HH-1211-T1.nii.gz": b"two"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.content = b""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        busy = self.path.startswith("/shaky") and self.server.asked.count(self.path) < 2
        body = b"later" if busy else self.server.content
        self.send_response(503 if busy else 200)
        self.send_header("Content-Type", "application/x-tar")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(serve) -> _Server:
    return serve(_Server())


@pytest.fixture
def own_clone(clean_clone: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean_clone, tmp_path / "clone", symlinks=True))


def _archive(*entries: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def _point_to(server: _Server, clone: Path, *, way: str, checksum: str) -> None:
    """Let the table of downloads of a clone name this server for the T1 archive."""
    table = clone / "resources" / "datasets.tsv"
    lines = table.read_text().splitlines()
    for index, line in enumerate(lines):
        cells = line.split("\t")
        if cells[0] == "ixi_t1":
            cells[2] = f"http://127.0.0.1:{server.server_address[1]}/{way}/IXI-T1.tar"
            cells[4] = checksum
            lines[index] = "\t".join(cells)
    table.write_text("\n".join(lines) + "\n")


@pytest.mark.fault(14)
def test_the_rule_brings_the_scans_and_runs_again_from_the_kept_archive(snakemake, own_clone: Path, server: _Server):
    server.content = _archive(*SCANS.items())
    _point_to(server, own_clone, way="shaky", checksum=f"md5:{hashlib.md5(server.content).hexdigest()}")  # noqa: S324
    done = snakemake("--cores", "1", "resources/ixi/T1", folder=own_clone)
    assert done.returncode == 0, done.text
    folder = own_clone / "resources" / "ixi" / "T1"
    assert {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")} == SCANS
    assert len(server.asked) == 2  # one answer was 503
    shutil.rmtree(folder)
    again = snakemake("--cores", "1", "resources/ixi/T1", folder=own_clone)
    assert again.returncode == 0, again.text
    assert len(server.asked) == 2


@pytest.mark.fault(13)
def test_a_hostile_archive_ends_the_run_and_writes_nothing_outside(snakemake, own_clone: Path, server: _Server) -> None:
    server.content = _archive(*SCANS.items(), ("../../../evil", b"x"))
    _point_to(server, own_clone, way="good", checksum="n/a")
    before = {path for path in own_clone.parent.rglob("*") if ".snakemake" not in path.parts}
    done = snakemake("--cores", "1", "resources/ixi/T1", folder=own_clone)
    assert done.returncode != 0
    log = (own_clone / "resources" / "logs" / "download_ixi.log").read_text()
    assert "a path that leaves the folder" in log
    after = {path for path in own_clone.parent.rglob("*") if ".snakemake" not in path.parts}
    new = {str(path.relative_to(own_clone)) for path in after - before if "__pycache__" not in path.parts}
    assert new - {"results", "results/.deciding"} == {  # the study's folder, where every run looks who is at work
        "resources/ixi",
        "resources/ixi/IXI-T1.tar",
        "resources/ixi/checksums.tsv",
        "resources/logs",
        "resources/logs/download_ixi.log",
    }
