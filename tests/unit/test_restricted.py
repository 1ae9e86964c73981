"""Cohorts under an agreement: asked for, explained, and never marked as free to pass on."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrisynth.cohorts.restricted import select_scans
from mrisynth.configuration import complete, load_schema
from mrisynth.errors import ConfigError
from mrisynth.study import Study

TIME = "2006-04-18_08_20_30.0"


def _adni(folder: Path | None, **changes: object) -> dict:
    settings = {"accept_data_use_agreement": True, "adnimerge": None, "window_days": 180}
    settings |= {"repeats": "first", "descriptions": None}
    return {
        "name": "adni",
        "folder": None if folder is None else str(folder),
        "demographics": None,
        "adni": settings | changes,
    }


@pytest.mark.fault(27)
def test_the_agreement_comes_before_everything_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cohort\.adni\.accept_data_use_agreement is false.*no redistribution"):
        select_scans(_adni(tmp_path / "absent", accept_data_use_agreement=False))


def test_the_keys_of_the_configuration_reach_the_listing(tmp_path: Path, adni_image) -> None:
    adni_image("002_S_0295", "MP-RAGE", TIME, "I1")
    adni_image("002_S_0295", "MPR__GradWarp", TIME, "I2")
    adni_image("002_S_0295", "FLAIR", TIME, "I3")
    names = {
        changes: [scan.scan.split("-")[-1] for scan in select_scans(_adni(tmp_path, **dict(changes))).scans]
        for changes in ((), (("repeats", "best_processed"),), (("repeats", "all"),), (("descriptions", ("flair",)),))
    }
    assert list(names.values()) == [["I1"], ["I2"], ["I1", "I2"], ["I3"]]
    with pytest.raises(ConfigError, match=r"cohort\.folder is missing"):
        select_scans(_adni(None))


@pytest.mark.fault(27)
@pytest.mark.parametrize(
    ("cohort", "free"),
    [
        ("ixi", True),
        ("bids", False),
        ("simulated", True),
        ("adni", False),
        ("ukbiobank", False),
        ("images", False),
        ("exchange", False),
    ],
)
def test_only_free_cohorts_may_be_exported(repository: Path, cohort: str, free: bool) -> None:
    schema = load_schema(repository / "workflow" / "schemas" / "config.schema.yaml")
    config = {
        "cohort": {"name": cohort},
        "models": {"hagan": {"family": "hagan", "recipe": {}}},
        "features": {"random": {"network": "random"}},
        "evaluation": {"features": ["random"]},
        "clustering": {"features": "random", "feedback": []},
    }
    study = Study(config=complete(config, schema, source="x"), source="x")
    assert study.may_be_exported is free


def test_what_a_job_makes_lies_in_the_study(repository: Path, tmp_path: Path, adni_image, dicom_series) -> None:
    schema = repository / "workflow" / "schemas" / "config.schema.yaml"
    raw = adni_image("002_S_0295", "MP-RAGE", TIME, "I1")
    series = dicom_series(tmp_path / "ADNI" / "002_S_0296" / "MP-RAGE" / TIME / "I2", slices=1)
    config = {
        "cohort": {"name": "adni", "folder": str(tmp_path), "adni": {"accept_data_use_agreement": True}},
        "folder": "studies/x",
        "models": {"hagan": {"family": "hagan", "recipe": {}}},
        "features": {"random": {"network": "random"}},
        "evaluation": {"features": ["random"]},
        "clustering": {"features": "random", "feedback": []},
    }
    first, second = Study.read(config, schema=schema, source="x").scans
    assert (first.path, first.dicom) == (raw, None)
    assert (second.path, second.dicom) == (
        Path("studies/x/cohort/nifti/bundle-b/002S0296-20060418-I2_T1w.nii.gz"),
        series,
    )
