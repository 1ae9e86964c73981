"""Synthesis for masks in the smallest study with masks: masks, candidates, what is kept, and the lists of MRGen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mrisynth.files import read_json, read_table
from mrisynth.slices.mrgen_json import read_synthetic

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
RESULTS = "studies/tiny_masks/synthesis/target"
TARGETS = [f"{RESULTS}/{name}" for name in ("kept.tsv", "candidates.png", "mrgen")]


@pytest.fixture(scope="module")
def made(run_snakemake, clean_clone) -> Path:
    words = ("--configfile", "tests/config/masks.yaml", "--cores", "1", "--quiet", "rules", "host", "reason")
    done = run_snakemake(*words, "--", *TARGETS, seconds=3600)
    assert done.returncode == 0, done.stderr[-8000:]
    return clean_clone / RESULTS


def test_masks_are_of_the_annotated_site(made):
    study = made.parents[1]
    chosen, scans = read_table(made / "masks.tsv"), read_table(study / "cohort" / "scans.tsv").set_index("scan")
    assert 0 < len(chosen) <= 6 and set(scans.loc[chosen["scan"], "site"]) == {"north"}
    assert set(scans.loc[chosen["scan"], "split"]) == {"train"}


def test_every_candidate_is_recorded_and_what_is_kept_stands_beside_its_mask(made):
    chosen, record, kept = (read_table(made / f"{name}.tsv") for name in ("masks", "record", "kept"))
    assert len(record) == 3 * len(chosen) and record["seed"].is_unique
    assert set(record["prompt"]) == {"site south"} and record["reason"].isna().equals(record["kept"])
    images, masks = np.load(made / "images.npy"), np.load(made / "masks.npy")
    assert images.shape == masks.shape == (len(kept), 16, 16) and record["kept"].sum() == len(kept)
    shown = np.load(made.parents[1] / "masks" / "slices" / "16.shown.npy")
    rows = chosen.set_index("mask")["row"]
    assert all(np.array_equal(mask, shown[rows[name]]) for mask, name in zip(masks, kept["mask"], strict=True))
    assert "real_passing" in read_json(made / "standards.json")["facts"]
    listed = read_synthetic(made / "mrgen", modality="T1w")
    assert len(listed.candidates.items) == len(record) and len(listed.kept.items) == len(kept)
