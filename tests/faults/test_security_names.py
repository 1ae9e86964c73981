"""Fault 22: names and values of a configuration, and paths of scans, that a shell or a path would take for commands."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest
import yaml

from mrisynth.configuration import complete, load_schema
from mrisynth.errors import ConfigError
from mrisynth.plain_text import without_secrets
from mrisynth.study import Study

pytestmark = pytest.mark.fault(22)

HOSTILE = {
    "semicolon": "x;touch canary",
    "substitution": "$(touch canary)",
    "backticks": "`touch canary`",
    "newline": "x\ntouch canary",
    "newline at the end": "x\n",
    "single quote": "x' touch canary '",
    "double quote": 'x" touch canary "',
    "space": "x y",
    "leading dash": "-rf",
    "upwards": "../x",
    "absolute": "/etc/x",
    "unicode": "mödel",
    "change of direction": "x\u202ey",
    "null": "x\x00y",
    "brace": "{x}",
    "too long": "x" * 300,
}


@pytest.fixture(scope="module")
def tiny(repository: Path) -> dict:
    return yaml.safe_load((repository / "tests/config/tiny.yaml").read_text())


@pytest.fixture(scope="module")
def schema(repository: Path) -> dict:
    return load_schema(repository / "workflow/schemas/config.schema.yaml")


@pytest.fixture
def read(schema: dict, tiny: dict, tmp_path: Path, monkeypatch):
    """Reads the tiny study with some keys changed, in a folder where a canary would appear."""
    monkeypatch.chdir(tmp_path)

    def study(**changes: object) -> Study:
        config = copy.deepcopy(tiny) | changes
        return Study(config=complete(config, schema, source="mine.yaml"), source="mine.yaml")

    yield study
    assert os.listdir(tmp_path) in ([], ["bids"]), "something was made"  # noqa: PTH208


@pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", ["folder", "model", "condition", "features"])
def test_hostile_names_are_refused_in_one_sentence_that_names_the_key(kind: str, word: str, read, tiny: dict) -> None:
    changes = {
        "folder": {"folder": word},
        "model": {"models": {word: tiny["models"]["wgp_hagan"]}},
        "condition": {"conditions": {word: {"kind": "random"}}},
        "features": {"features": {**tiny["features"], word: {"network": "random"}}},
    }[kind]
    with pytest.raises(ConfigError, match=r"^mine\.yaml: ") as refused:
        read(**changes)
    sentence = str(refused.value)
    assert next(iter(changes)) in sentence
    assert "\n" not in sentence and "\x00" not in sentence and "\u202e" not in sentence


@pytest.mark.parametrize("word", ["a\nb", "a\x1b[31mb", "a\u2028b", "{wildcard}", "{0.__class__}"])
@pytest.mark.parametrize("key", ["title", "cohort.folder", "preprocessing.template", "preprocessing.exclusions"])
def test_no_text_holds_what_breaks_a_line_or_what_snakemake_fills_in(key: str, word: str, read, tiny: dict) -> None:
    *block, last = key.split(".")
    changes = {block[0]: {**tiny[block[0]], last: word}} if block else {last: word}
    with pytest.raises(ConfigError, match=rf"^mine\.yaml: {key} holds "):
        read(**changes)


def test_the_variables_of_snakemakes_paths_are_no_keys(read) -> None:
    """They would lead every output out of the folder of the study, past its rule for names."""
    with pytest.raises(ConfigError, match="unknown key pathvars"):
        read(pathvars={"results": "/elsewhere"})


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ("sub-1;touch canary", "sub-1_T1w.nii.gz"),
        ("sub-$(touch canary)", "sub-1_T1w.nii.gz"),
        ("sub-1\ncanary", "sub-1_T1w.nii.gz"),
        ("sub--", "sub-1_T1w.nii.gz"),
        ("sub-1", "sub-1_acq-{x}_T1w.nii.gz"),
        ("sub-1", "sub-1_acq-<results>_T1w.nii.gz"),
        ("sub-1", "sub-1_acq-\n_T1w.nii.gz"),
        ("sub-1", "sub-1_acq-\udcff_T1w.nii.gz"),
    ],
)
def test_folders_and_files_that_cannot_be_named_safely_are_refused(
    person: str, name: str, read, tmp_path, tiny
) -> None:
    image = tmp_path / "bids" / person / "anat" / name
    image.parent.mkdir(parents=True)
    image.write_bytes(b"")
    with pytest.raises(ConfigError, match=r"cohort\.folder.*rename") as refused:
        read(cohort={"name": "bids", "folder": "bids"}).bundles  # noqa: B018 (lists the scans)
    assert "\n" not in str(refused.value)
    str(refused.value).encode()  # can be printed


@pytest.mark.parametrize("name", ["sub-1_acq-a b$(touch canary)`x`;&|'\"_T1w.nii.gz", "sub-1_acq-é-..._T1w.nii.gz"])
def test_other_odd_file_names_become_plain_names_of_scans(name: str, read, tmp_path: Path) -> None:
    image = tmp_path / "bids" / "sub-1" / "anat" / name
    image.parent.mkdir(parents=True)
    image.write_bytes(b"")
    (scan,) = read(cohort={"name": "bids", "folder": "bids"}).scans
    assert scan.path == Path("bids/sub-1/anat") / name
    assert scan.scan.replace("-", "").isalnum() and scan.scan.isascii()


@pytest.mark.fault(25)
@pytest.mark.parametrize(
    "address",
    [
        "https://planted:secret-9@host/scans",
        "s3://planted@bucket/scans",
        "https://host/scans?X-Amz-Signature=secret-9",
        "https://host/scans?a=1&access_token=secret-9",
        "https://host/x?sig=secret-9",
    ],
)
@pytest.mark.parametrize("key", ["folder", "demographics", "scan_names"])
def test_an_address_with_a_secret_is_refused_and_not_repeated(key: str, address: str, read) -> None:
    with pytest.raises(ConfigError, match=rf"cohort\.{key} is a web address with a user, password") as refused:
        read(cohort={"name": "ixi", key: address})
    assert "secret-9" not in str(refused.value) and "planted" not in str(refused.value)


@pytest.mark.fault(25)
def test_addresses_lose_their_secrets_and_nothing_else() -> None:
    text = "https://u:p@w@h/f?download=1&sig=abc&y=2 (http://h/x?X-Amz-Signature=q); see https://h/a@b?confirm=t"
    expected = "https://***@h/f?download=1&sig=***&y=2 (http://h/x?X-Amz-Signature=***); see https://h/a@b?confirm=t"
    assert without_secrets(text) == expected
