"""Bad scans become rows with reasons; they stop nothing, and too many of them stop the study loudly."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.cohorts.simulated import simulate_participants, write_heads
from mrisynth.files import read_table, sha256_of

pytestmark = pytest.mark.end_to_end

REASONS = {
    "sub-truncated": "truncated",
    "sub-fourd": "not_3d",
    "sub-constant": "constant",
    "sub-nan": "not_finite",
}


@pytest.fixture(scope="module")
def bids(tmp_path_factory) -> Path:
    """A BIDS folder of three simulated heads and four that cannot be used."""
    heads = tmp_path_factory.mktemp("heads")
    write_heads(simulate_participants(3, seed=3), heads, seed=3, voxel_mm=3.0)
    folder = tmp_path_factory.mktemp("bids")
    good = sorted(heads.glob("*_T1w.nii.gz"))
    for head in good:
        target = folder / head.name.split("_")[0] / "anat" / head.name
        target.parent.mkdir(parents=True)
        shutil.copy(head, target)
    image = nib.load(good[0])
    values = image.get_fdata(dtype=np.float32)
    broken = {
        "sub-fourd": np.stack([values, values], axis=-1),
        "sub-constant": np.full_like(values, 3.0),
        "sub-nan": np.where(values > values.mean(), np.nan, values),
    }
    for name, array in broken.items():
        target = folder / name / "anat" / f"{name}_T1w.nii.gz"
        target.parent.mkdir(parents=True)
        nib.Nifti1Image(array.astype(np.float32), image.affine).to_filename(target)
    target = folder / "sub-truncated" / "anat" / "sub-truncated_T1w.nii.gz"
    target.parent.mkdir(parents=True)
    target.write_bytes(good[0].read_bytes()[:20000])
    rows = "\n".join(
        f"{path.name}\t{30 + row}\t{'FM'[row % 2]}" for row, path in enumerate(sorted(folder.glob("sub-*")))
    )
    (folder / "participants.tsv").write_text(f"participant_id\tage\tsex\n{rows}\n")
    return folder


@pytest.fixture(scope="module")
def words(bids) -> list[str]:
    cohort = f"cohort={{name: bids, folder: {bids}, validation_fraction: 0.0}}"
    return ["--configfile", "tests/config/tiny.yaml", "--config", "folder=studies/bad", cohort]


@pytest.mark.fault(11)
def test_each_bad_scan_is_a_row_with_its_reason(run_snakemake, clean_clone, words, bids):
    target = "studies/bad/quality/scans.tsv"
    allowed = [*words, "preprocessing={max_excluded_fraction: 0.6}"]
    finished = run_snakemake(*allowed, "--", target)
    assert finished.returncode == 0, finished.stderr[-6000:]
    quality = read_table(clean_clone / target, reason="string", message="string").set_index("scan")
    assert len(quality) == 7
    assert dict(quality.loc[list(REASONS), "reason"]) == REASONS
    assert (quality.loc[list(REASONS), "message"].str.len() > 20).all()
    assert (quality.drop(index=list(REASONS))["status"] == "passed").all()
    assert "7 scans = 3 passed + 4 excluded" in finished.stderr
    for scan in REASONS:
        assert (clean_clone / "studies/bad/preprocessed" / scan / "quality.json").exists()


@pytest.mark.fault(11)
def test_too_many_bad_scans_stop_the_study_and_lose_nothing(run_snakemake, clean_clone, words):
    brains = sorted((clean_clone / "studies/bad/preprocessed").glob("*/T1w_brain.nii.gz"))
    before = [sha256_of(brain) for brain in brains]
    assert len(before) == 3
    strict = [*words, "preprocessing={max_excluded_fraction: 0.1}"]
    stopped = run_snakemake(*strict, "--", "studies/bad/quality/scans.tsv")
    assert stopped.returncode == 1
    assert (
        "7 scans = 3 passed + 4 excluded, more than preprocessing.max_excluded_fraction (0.1) allows" in stopped.stderr
    )
    assert "sub-truncated: truncated" in stopped.stderr
    assert [sha256_of(brain) for brain in brains] == before
    quality = clean_clone / "studies/bad/quality"
    assert not (quality / "scans.tsv").exists()
    assert len(read_table(quality / "verdicts.tsv")) == 7
    assert "sub-truncated" in (quality / "index.html").read_text()


@pytest.mark.fault(18)
def test_a_condition_with_one_class_is_refused_by_name(run_snakemake, clean_clone, words, bids):
    for row, line in enumerate(lines := (bids / "participants.tsv").read_text().splitlines()):
        lines[row] = line.replace("\tM", "\tF")
    (bids / "participants.tsv").write_text("\n".join(lines) + "\n")
    allowed = [*words, "preprocessing={max_excluded_fraction: 0.6}"]
    stopped = run_snakemake(*allowed, "--", "studies/bad/conditions/demographics.tsv")
    assert stopped.returncode == 1
    assert "demographics" in stopped.stderr
    assert "sex" in stopped.stderr
    assert "Traceback" not in stopped.stderr
