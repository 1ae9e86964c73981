from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from mrisynth.provenance.disclosure import LONGEST, disclosed, shown_path, summarised


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("/home/jane doe/scans/IXI002.nii.gz", "…/IXI002.nii.gz"),
        ("~/scans/IXI002.nii.gz", "…/IXI002.nii.gz"),
        ("../../jane/IXI002.nii.gz", "…/IXI002.nii.gz"),
        ("file:///home/jane/x.nii", "…/x.nii"),
        (r"C:\Users\jane\x.nii", "…/x.nii"),
        ("made of /home/jane/a.nii and /home/joe/b.nii", "made of …/b.nii"),
        ("https://jane:pa55word@host/weights.pth", "https://***@host/weights.pth"),
        ("https://host/weights.pth?token=abcdef", "https://host/weights.pth?token=***"),
        ("https://host/a/weights.pth", "https://host/a/weights.pth"),
        ("resources/template/icbm152_2009c", "resources/template/icbm152_2009c"),
        ("sex/age", "sex/age"),
    ],
)
def test_folders_outside_the_working_directory_are_not_told(told, shown):
    assert disclosed(told) == shown


def test_paths_in_the_working_directory_are_told_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert disclosed(str(tmp_path / "data" / "x.nii")) == "data/x.nii"
    assert disclosed(f"made of {tmp_path}/data/x.nii") == "made of data/x.nii"


def test_secrets_are_withheld_by_the_name_of_their_key_and_by_their_value(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefgh")
    told = {
        "api_key": "x",
        "ENCRYPTION_KEY": "x",
        "authors": ["A"],
        "keys": 2,
        "nested": [{"password": 7}],
        "harmless": "--login=hf_abcdefgh",
        "images_seen": 3,
    }
    assert disclosed(told) == {
        "api_key": "withheld",
        "ENCRYPTION_KEY": "withheld",
        "authors": ["A"],
        "keys": 2,
        "nested": [{"password": "withheld"}],
        "harmless": "--login=withheld",
        "images_seen": 3,
    }


def test_the_name_of_the_host_is_withheld(monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "gpu-017.hospital.example")
    assert disclosed({"machine": "gpu-017.hospital.example"}) == {"machine": "withheld"}


def test_anything_becomes_json():
    told = disclosed({"a": Path("x/y"), 2: {3.5, 1}, "t": (True, None)})
    assert told == {"a": "x/y", "2": [1, 3.5], "t": [True, None]}
    json.dumps(told)


def test_long_parameters_become_a_checksum_that_tells_them_apart():
    scans = {f"IXI{number:03d}": f"/data/IXI{number:03d}.nii.gz" for number in range(581)}
    short = summarised(scans)
    assert short["entries"] == 581
    assert len(json.dumps(short)) < LONGEST
    assert summarised(scans | {"IXI000": "/data/other.nii.gz"}) != short
    assert summarised({name: path.replace("/data", "/elsewhere") for name, path in scans.items()}) == short


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("studies/tiny/metrics.tsv", "<results>/metrics.tsv"),
        ("resources/ixi/IXI.xls", "resources/ixi/IXI.xls"),
        ("studies/other/x", "studies/other/x"),
        ("/home/jane/x.nii", "…/x.nii"),
        ("studies/tiny/../../../x.nii", "…/x.nii"),
    ],
)
def test_paths_are_named_from_the_study(tmp_path, monkeypatch, path, shown):
    monkeypatch.chdir(tmp_path)
    assert shown_path(path, study="studies/tiny") == shown
