"""Fault 22 and 25 in real runs: hostile names of folders, files, cells and columns do nothing; secrets stay unwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.clean_machine import SECRETS, planted_in

from mrisynth.files import read_table
from mrisynth.imaging.volume import write_volume

NASTY = "a b;touch canary1;$(touch canary2)`touch canary3`&'\"-|x"
CELLS = {
    "sub-1": ("$(touch canary4)", "=cmd|'/c calc'!A1", "30"),
    "sub-2": ("`touch canary5`", '"quoted" cell', "40"),
    "sub-3": ("; touch canary6 #", "../../../etc/passwd", "50"),
}
STUDY = """
title: "{title}"
folder: studies/hostile
cohort: {{name: bids, folder: "{folder}", validation_fraction: 0, stratify: ["-n; touch canary7"]}}
"""


@pytest.fixture
def hostile(tmp_path: Path, repository: Path):
    """A function that runs snakemake in a folder with a hostile name, on a BIDS folder with hostile names and tables."""
    import nibabel as nib

    data = tmp_path / f"data {NASTY}"
    for person in CELLS:
        image = nib.Nifti1Image(np.ones((8, 8, 8), np.float32), np.eye(4))
        path = data / person / "anat" / f"{person}_acq-{NASTY}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        write_volume(image, path)
    rows = ["participant_id\tsite\t-n; touch canary7\tage"]
    rows += ["\t".join((person, *cells)) for person, cells in CELLS.items()]
    (data / "participants.tsv").write_text("\n".join(rows) + "\n")
    here = tmp_path / "here $(touch canary8); 'x'"
    here.mkdir()
    config = here / "my study;touch canary9;$(touch canary9).yaml"
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in (f"Study {NASTY}", str(data))]
    config.write_text(STUDY.format(title=quoted[0], folder=quoted[1]))

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess:
        command = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(repository / "Snakefile")]
        command += ["--configfile", str(repository / "tests/config/tiny.yaml"), config.name, "--cores", "1"]
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        return subprocess.run(
            [*command, *words], cwd=here, env=os.environ | {"PATH": path} | variables, capture_output=True, text=True,
            timeout=600,
        )  # fmt: skip

    return run, here


@pytest.mark.fault(22, 25)
def test_hostile_names_are_only_names_in_a_real_run(hostile, tmp_path: Path) -> None:
    run, here = hostile
    finished = run("--", "studies/hostile/cohort/scans.tsv", **SECRETS)
    assert finished.returncode == 0, finished.stderr[-3000:]
    study = here / "studies" / "hostile"
    people = read_table(study / "cohort/participants.tsv").set_index("participant_id")
    for person, (site, nasty, _) in CELLS.items():
        assert people.loc[person, "site"] == site
        assert people.loc[person, "-n; touch canary7"] == nasty
    scans = read_table(study / "cohort/scans.tsv")
    assert len(scans) == 3 and (scans["scan"].str.fullmatch(r"[A-Za-z0-9-]+")).all()
    assert scans["sha256"].notna().all()
    assert [path for path in tmp_path.rglob("canary*")] == []  # noqa: C416
    assert planted_in(here, [*SECRETS.values(), "planted-pw"]) == {}


@pytest.mark.fault(25)
def test_a_job_that_fails_writes_no_secret(hostile) -> None:
    run, here = hostile
    finished = run(
        "--config", "cohort={stratify: [no_such_column]}", "--", "studies/hostile/cohort/scans.tsv", **SECRETS
    )
    assert finished.returncode == 1
    assert "no_such_column" in finished.stderr
    assert planted_in(here, [*SECRETS.values(), "planted-pw"]) == {}
    assert "planted" not in finished.stderr + finished.stdout


@pytest.mark.fault(25)
def test_a_download_that_fails_names_no_password(tmp_path: Path, caplog, monkeypatch) -> None:
    from mrisynth.downloads import Download, fetch
    from mrisynth.errors import MrisynthError

    monkeypatch.setenv("HTTPS_PROXY", "http://planted:planted-pw-2@127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://planted:planted-pw-2@127.0.0.1:9")
    addresses = ("https://me:planted-pw-1@host.invalid/f", "http://host.invalid/f?token=planted-token&download=1")
    source = Download(name="x", file_name="f", addresses=addresses, size_bytes=1, checksum=None)
    with caplog.at_level(0), pytest.raises(MrisynthError, match="could not be downloaded") as failed:
        fetch(source, tmp_path / "f", backoff_s=0.001)
    assert "planted" not in str(failed.value) + caplog.text
    assert "download=1" in str(failed.value)  # what is no secret can still be copied
    assert planted_in(tmp_path, ["planted"]) == {}


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('title: !!python/object/apply:os.system ["touch canary"]', "Config file is not valid JSON or YAML"),
        ('title: !!python/object/new:os.system ["touch canary"]', "Config file is not valid JSON or YAML"),
        ("title: !!python/name:os.system", "title is <built-in function system>"),  # a name, never called
    ],
)
def test_yaml_that_makes_objects_is_refused(text: str, sentence: str, tmp_path: Path, repository: Path) -> None:
    (tmp_path / "evil.yaml").write_text(text)
    command = [str(Path(sys.executable).with_name("snakemake")), "-n", "--snakefile", str(repository / "Snakefile")]
    command += ["--configfile", str(repository / "tests/config/tiny.yaml"), "evil.yaml"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 1
    assert sentence in finished.stdout + finished.stderr
    assert list(tmp_path.rglob("canary*")) == []


@pytest.mark.fault(27)
def test_an_export_of_a_restricted_cohort_ends_before_anything_is_computed(
    tmp_path: Path, repository: Path, adni_image
) -> None:
    adni_image("002_S_0295", "MP-RAGE", "2006-04-18_08_20_30.0", "I1")
    cohort = f"name: adni, folder: {tmp_path / 'ADNI'}, adni: {{accept_data_use_agreement: true}}"
    folder = f"studies/{tmp_path.parent.name}_{tmp_path.name}"

    def snakemake(cohort: str, *words: str) -> subprocess.CompletedProcess:
        command = [str(Path(sys.executable).with_name("snakemake")), "--configfile", "tests/config/tiny.yaml"]
        command += ["--cores", "1", "--config", f"folder={folder}", f"cohort={{{cohort}}}", *words, "--", "export"]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=300)

    stopped = snakemake(cohort)
    assert stopped.returncode == 1
    assert "The export is refused: the ADNI data use agreement allows no redistribution" in stopped.stderr
    assert not (repository / folder).exists()
    planned = snakemake(f"{cohort}, redistribution: {{allowed: true, basis: a letter}}", "-n")
    assert planned.returncode == 0, planned.stdout[-2000:]
    assert "rule train_chunk" in planned.stdout
