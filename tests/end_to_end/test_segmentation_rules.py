"""Segmentation by rules: packed slices of balls and boxes with masks in, tables and pictures of the arms out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mrisynth.files import read_json, read_table, write_table

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]

pytest.importorskip("nnunetv2", reason="nnU-Net is not installed here")

SIZE = 32
SLICES = 3
RULES = ("write_arm", "write_held_out", "plan_arm", "train_arm", "predict_arm", "score_arms", "draw_arms")


def phantom(seed: int, *, dark: bool) -> tuple[np.ndarray, np.ndarray]:
    """Slices of a noisy ball and a noisy box on grey, brighter than it or, in the other contrast, darker."""
    generator = np.random.default_rng(seed)
    rows, columns = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
    labels = np.zeros((SLICES, SIZE, SIZE), dtype=np.uint8)
    centre, corner, radius = generator.uniform(9, 13, 2), generator.integers(17, 21, 2), generator.uniform(5, 7)
    for number, mask in enumerate(labels):
        mask[(rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < (radius - number) ** 2] = 1
        mask[corner[0] : corner[0] + 9, corner[1] + number : corner[1] + 9] = 2
    values = np.array([128.0, 64.0, 10.0] if dark else [128.0, 190.0, 245.0])
    return np.clip(values[labels] + generator.normal(0, 12, labels.shape), 0, 255).astype(np.uint8), labels


@pytest.fixture
def study(tmp_path, clean_clone):
    """A study whose scans are packed: six of the north and two of the south to train on, one and four to test."""
    content = yaml.safe_load((clean_clone / "tests/config/masks.yaml").read_text())
    sites = ["north"] * 6 + ["south"] * 2 + ["north"] + ["south"] * 4
    scans = pd.DataFrame({"scan": [f"s{n:02d}" for n in range(13)], "participant_id": [f"p{n:02d}" for n in range(13)]})
    scans = scans.assign(site=sites, split=["train"] * 8 + ["test"] * 5)
    made = [phantom(number, dark=site == "south") for number, site in enumerate(sites)]
    images, masks = (np.concatenate(arrays) for arrays in zip(*made, strict=True))
    folder = clean_clone / "studies/phantoms"
    content |= {
        "folder": "studies/phantoms",
        "segmentation": {
            "arms": ["source", "ceiling"], "dimensions": 2, "size": SIZE, "structures": ["ventricles", "grey"], "epochs": 6, "iterations": 20,
            "batch_size": 4, "shown": 3,
        },
    }  # fmt: skip
    content["slices"]["sizes"] = [SIZE]
    content["preprocessing"]["size"] = SIZE
    config = tmp_path / "phantoms.yaml"
    config.write_text(yaml.safe_dump(content))
    for name in ("slices", "masks/slices", "cohort"):
        (folder / name).mkdir(parents=True)
    index = scans.loc[scans.index.repeat(SLICES)].assign(row=range(39), plane="axial", slice=[20, 21, 22] * 13)
    write_table(index.assign(image=[f"i{row}" for row in range(39)]), folder / "slices/index.tsv")
    write_table(scans, folder / "cohort/scans.tsv")
    facts = scans[["scan"]].assign(reason=pd.NA, annotated=scans["site"] == "north")
    write_table(facts, folder / f"masks/slices/{SIZE}.tsv")
    np.save(folder / f"slices/{SIZE}.npy", images)
    np.save(folder / f"masks/slices/{SIZE}.known.npy", masks)
    hidden = np.repeat((scans["site"] == "south").to_numpy(), SLICES)[:, None, None]
    np.save(folder / f"masks/slices/{SIZE}.shown.npy", np.where(hidden, 255, masks).astype(np.uint8))
    return clean_clone, config, folder


def run(clone: Path, config: Path, *targets: str) -> str:
    """Run the rules of the segmentation alone: what is packed is there."""
    command = [Path(sys.executable).with_name("snakemake"), "--configfile", config, "--cores", "1"]
    command += ["--rerun-triggers", "mtime", "--allowed-rules", *RULES, "--", *targets]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(clone / "workflow")}
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_arms_are_trained_predicted_scored_and_drawn(study):
    clone, config, folder = study
    found = folder / "segmentation"
    run(clone, config, *(f"studies/phantoms/segmentation/{name}" for name in ("differences.tsv", "predictions.png")))
    arms = read_table(found / "arms.tsv").set_index(["arm", "structure", "measure"])
    assert set(read_table(found / "cases.tsv")["participant_id"]) == {"p09", "p10", "p11", "p12"}
    dice = {arm: arms.loc[(arm, "all", "dice"), "value"] for arm in ("source", "ceiling")}
    assert dice["ceiling"] > dice["source"] + 0.2, dice
    assert arms["volumes"].max() == 4, "slices of a scan are one volume"
    assert (found / "segmentation.png").stat().st_size > 5000
    assert not list(found.glob("*/raw")) and not list(found.glob("*/preprocessed")), "what is heavy is gone"
    assert (found / "source" / read_json(found / "source/network.json")["checkpoint"]).is_file()
    (found / "predictions.png").unlink()
    told = run(clone, config, "studies/phantoms/segmentation/predictions.png")
    assert "rule draw_arms:" in told and "rule train_arm:" not in told, "a lost picture trains nothing again"
