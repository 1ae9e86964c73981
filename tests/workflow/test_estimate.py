"""`snakemake estimate` needs the configuration alone, computes nothing of the study, and prints every time."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.workflow


def test_the_full_study_is_estimated_without_data_or_download(snakemake, clean_clone):
    planned = snakemake("-n", "estimate", folder=clean_clone)
    assert planned.returncode == 0, planned.text
    assert planned.jobs == {"estimate_study": 1, "estimate": 1, "total": 2}


def test_the_demo_is_estimated_and_printed_again_without_measuring_again(snakemake, clean_clone):
    words = ("--configfile", "config/demo.yaml", "--config", "folder=studies/estimated", "--cores", "1", "estimate")
    first = snakemake(*words, folder=clean_clone)
    assert first.returncode == 0, first.text
    assert "wgp_hagan_umap_cluster" in first.text
    assert "arithmetic, not measured" in first.text
    made = {path.name for path in (clean_clone / "studies" / "estimated").iterdir()}
    assert made == {".deciding", "estimate.tsv", "logs", "provenance"}
    second = snakemake(*words, folder=clean_clone)
    assert second.jobs == {"estimate": 1, "total": 1}
    assert "arithmetic, not measured" in second.text
