"""Snakemake makes the environments of the rules and runs rules in them: the smallest in `make test`, all by `make envs`."""

from __future__ import annotations

import io
import shutil
import tarfile
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from support.environments import Environment, environments

pytestmark = pytest.mark.environments
SMALLEST = "download"
ADNI_VISIT = "002_S_0001/MP-RAGE/2006-04-18_08_20_30.0/I1"
SEARCH = "Image Data ID,Subject,Group,Sex,Age,Visit,Modality,Description,Type,Acq Date,Format,Downloaded\n"
SEARCH += "I1,002_S_0001,CN,M,70,sc,MRI,MP-RAGE,Original,4/18/2006,DCM,1/1/2020\n"


def _disk_mb(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*")) // 2**20


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param(one, id=one.name, marks=() if one.name == SMALLEST else pytest.mark.every_environment)
        for one in environments().values()
    ],
)
def test_an_environment_holds_all_that_its_rules_import(environment: Environment, import_all, maker, prefix, tell):
    """Nothing comes from the environment that snakemake runs in, which scripts could fall back on unseen."""
    started = time.monotonic()
    found = import_all(environment)
    assert Path(found["prefix"]).parent == prefix
    library = str(environment.file.parents[1])
    outside = {name: file for name, file in found["files"].items() if not file.startswith((found["prefix"], library))}
    assert outside == {}
    installed = {name: found["installed"][name].split("+")[0] for name in environment.pins}
    assert installed == environment.pins
    lock = dict(line.split("==") for line in (environment.file.parents[2] / "requirements.txt").read_text().split())
    lock = {name.lower().replace("_", "-"): version for name, version in lock.items()}
    others = {
        name: version
        for name, version in found["installed"].items()
        if name in lock and version.split("+")[0] != lock[name]
    }
    tell(
        f"environment {environment.name}: {len(found['files'])} modules imported, {len(found['installed'])} packages, "
        f"{_disk_mb(Path(found['prefix']))} MB, {time.monotonic() - started:.0f} s, Python {found['python']}, by {maker}; "
        f"unpinned packages in other versions than the lock's: {', '.join(f'{k} {v}' for k, v in others.items()) or 'none'}"
    )


def test_a_download_runs_in_its_environment(with_conda, clean_clone: Path, tmp_path: Path, prefix: Path, serve):
    """The rule as it is, against a server on this machine; that Python compiles requests there shows where it ran."""
    clone = Path(shutil.copytree(clean_clone, tmp_path / "clone", symlinks=True))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        info = tarfile.TarInfo("IXI002-Guys-0828-T1.nii.gz")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"one"))
    content = packed.getvalue()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-tar")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = serve(HTTPServer(("127.0.0.1", 0), Handler))
    table = clone / "resources" / "datasets.tsv"
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    (row,) = [row for row in rows if row[0] == "ixi_t1"]
    row[2], row[4] = f"http://127.0.0.1:{server.server_address[1]}/IXI-T1.tar", "n/a"
    table.write_text("\n".join("\t".join(row) for row in rows) + "\n")

    target = "resources/ixi/T1"
    words = ("--configfile", "tests/config/tiny.yaml", "--", target)
    with_conda("--conda-create-envs-only", *words, folder=clone)
    content_of_file = environments()[SMALLEST].file.read_bytes()  # Snakemake keeps a copy beside each environment
    (made,) = [copy.with_suffix("") for copy in prefix.glob("*.yaml") if copy.read_bytes() == content_of_file]
    (package,) = made.glob("lib/python*/site-packages/requests")
    shutil.rmtree(package / "__pycache__", ignore_errors=True)
    with_conda(*words, folder=clone)
    assert (clone / target / "IXI002-Guys-0828-T1.nii.gz").read_bytes() == b"one"
    assert list((package / "__pycache__").glob("__init__.*.pyc"))


@pytest.mark.every_environment
def test_rules_of_every_environment_run_in_it(with_conda, clean_clone: Path, tmp_path: Path, dicom_series, tell):
    """Simulated heads to embeddings and the page of quality, and a DICOM series converted."""
    clone = Path(shutil.copytree(clean_clone, tmp_path / "clone", symlinks=True))
    started = time.monotonic()
    study = Path("studies/environments")
    cohort = "cohort={name: simulated, participants: 4, simulated_voxel_mm: 3.0, test_fraction: 0.25, "
    cohort += "validation_fraction: 0.25}"
    targets = [study / "embeddings" / "random" / "32" / "real.npz", study / "quality" / "index.html"]
    words = ("--configfile", "tests/config/tiny.yaml", "--config", f"folder={study}")
    done = with_conda(*words, cohort, "--", *map(str, targets), folder=clone)
    assert done.stderr.count("Activating conda environment") >= 10
    assert all((clone / target).stat().st_size for target in targets)

    dicom_series(tmp_path / "ADNI" / ADNI_VISIT)
    (tmp_path / "search.csv").write_text(SEARCH)
    cohort = f"cohort={{name: adni, folder: {tmp_path}/ADNI, demographics: {tmp_path}/search.csv, test_fraction: 0.0, "
    cohort += "adni: {accept_data_use_agreement: true}}"
    with_conda(*words[:-1], "folder=studies/adni", cohort, "--", "studies/adni/cohort/scans.tsv", folder=clone)
    assert list((clone / "studies/adni/cohort/nifti").rglob("*.nii.gz"))
    tell(f"rules of every environment ran in it: {time.monotonic() - started:.0f} s with the making of environments")
