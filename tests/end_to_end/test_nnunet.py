"""nnU-Net from data sets to scores: slices of balls and boxes, one contrast to learn from and another one to be met with."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from mrisynth.segmentation.cases import Case, slice_affine
from mrisynth.segmentation.layout import SPLITS, Layout
from mrisynth.segmentation.nnunet_dataset import write_dataset
from mrisynth.segmentation.nnunet_run import Settings, plan_and_preprocess, predict, train
from mrisynth.segmentation.results import score_arms
from mrisynth.segmentation.structures import Structures

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]

pytest.importorskip("nnunetv2", reason="nnU-Net is not installed here")

PIXEL_MM = 2.0
SHAPES = Structures({"ball": [3], "box": [5]})
SHORT = Settings(epochs=6, iterations=12, validation_iterations=1, batch_size=4, seed=4)


def phantom(seed: int, *, other_contrast: bool) -> tuple[np.ndarray, np.ndarray]:
    """A noisy ball and a noisy box in 48 x 48 pixels, brighter than what is around them or, in the other contrast, darker."""
    generator = np.random.default_rng(seed)
    rows, columns = np.meshgrid(np.arange(48), np.arange(48), indexing="ij")
    labels = np.zeros((48, 48), dtype=int)
    centre, radius = generator.uniform(14, 20, 2), generator.uniform(7, 10)
    labels[(rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2] = 3
    corner, edges = generator.integers(26, 32, 2), generator.integers(9, 14, 2)
    labels[corner[0] : corner[0] + edges[0], corner[1] : corner[1] + edges[1]] = 5
    values = np.zeros(6)
    values[[3, 5]] = (-1.0, -2.0) if other_contrast else (1.0, 2.0)
    return values[labels] + generator.normal(0.0, 0.25, labels.shape), labels


def case(number: int, *, other_contrast: bool = False, synthetic: bool = False) -> Case:
    image, labels = phantom(number, other_contrast=other_contrast)
    return Case(
        name=f"c{number}", participant_id=f"p{number % 100}", image=image, labels=labels, synthetic=synthetic,
        affine=slice_affine(pixel_mm=PIXEL_MM), volume=f"c{number}",
    )  # fmt: skip


def held_out() -> list[Case]:
    return [case(number, other_contrast=True) for number in range(20, 25)]


def weights_of(checkpoint) -> str:
    import torch

    found = hashlib.sha256()
    numbers = [np.dtype(kind) for kind in (np.float32, np.float64)]  # losses and scores beside the weights
    plain = [np.float64(0).__reduce__()[0], np.dtype, *map(type, numbers)]
    with torch.serialization.safe_globals(plain):
        network = torch.load(checkpoint, map_location="cpu", weights_only=True)["network_weights"]
    for name in sorted(network):
        found.update(name.encode() + network[name].numpy().tobytes())
    return found.hexdigest()


def test_synthetic_slices_of_the_other_contrast_teach_it(tmp_path, capsys):
    """Both arms are planned, trained, predicted and scored on slices of a contrast of which no real one was trained on."""
    started, layout = time.monotonic(), Layout(tmp_path / "nnunet")
    real = [case(number) for number in range(8)]
    made = [case(number + 100, other_contrast=True, synthetic=True) for number in range(8)]
    arms = {"source": layout.dataset("source", 501), "both": layout.dataset("both", 502)}
    for arm, training in (("source", real), ("both", real + made)):
        write_dataset(arms[arm], training, test=held_out(), structures=SHAPES, folds=4, seed=1)
    predictions = {}
    for arm, dataset in arms.items():
        logs = {step: tmp_path / "logs" / f"{arm}-{step}.log" for step in ("plan", "train", "predict")}
        plan_and_preprocess(dataset, SHORT, log=logs["plan"])
        train(dataset, SHORT, log=logs["train"])
        predict(dataset, SHORT, output=tmp_path / arm, log=logs["predict"])
        predictions[arm] = tmp_path / arm
    true = nib.load(layout.dataset("source", 501).folder / "labelsTs" / "real_c20.nii.gz")
    np.testing.assert_allclose(nib.load(predictions["both"] / "real_c20.nii.gz").affine, true.affine)
    tables = score_arms(predictions, arms["both"].folder, tolerance_mm=PIXEL_MM, seed=1)
    found = tables.arms[tables.arms["structure"] == "all"].set_index(["arm", "measure"])["value"]
    with capsys.disabled():
        sys.stdout.write(
            f"\nDice of real slices of the other contrast: {found['source', 'dice']:.3f} from the source alone, "
            f"{found['both', 'dice']:.3f} with synthetic ones; {time.monotonic() - started:.0f} s.\n"
        )
    assert found["both", "dice"] > 0.8 and found["both", "dice"] > found["source", "dice"] + 0.3
    ahead = tables.differences.set_index(["structure", "measure"])["ahead"]
    assert ahead["all", "dice"] == "both"


def test_a_fold_of_volumes_is_trained_alike_twice_and_strong_intensity_differs(tmp_path):
    """Volumes of 32 cubed in 3D; the folds are ours, the weights are those of the seed."""
    rows = np.stack(np.meshgrid(*[np.arange(32)] * 3, indexing="ij"))
    dataset = Layout(tmp_path / "nnunet").dataset("volumes", 501)

    def volume(number: int) -> Case:
        generator = np.random.default_rng(number)
        labels = (((rows - generator.uniform(12, 20, (3, 1, 1, 1))) ** 2).sum(axis=0) < 50).astype(int) * 3
        labels[2:8, 2:8, 2:8] = 5
        image = labels + generator.normal(0.0, 0.3, labels.shape)
        return Case(name=f"v{number}", participant_id=f"p{number // 2}", image=image, labels=labels,
                    affine=np.diag([1.0, 1.0, 1.5, 1.0]))  # fmt: skip

    write_dataset(dataset, map(volume, range(8)), structures=SHAPES, folds=4, seed=1)
    settings = replace(SHORT, configuration="3d_fullres", fold=1, epochs=2, iterations=2, batch_size=2)
    plans = plan_and_preprocess(dataset, settings, log=tmp_path / "plan.log")
    assert json.loads((plans.parent / SPLITS).read_text()) == json.loads((dataset.folder / SPLITS).read_text())
    assert json.loads(plans.read_text())["configurations"]["3d_fullres"]["spacing"] == pytest.approx([1.5, 1.0, 1.0])
    weights = [weights_of(train(dataset, settings, log=tmp_path / f"{run}.log")) for run in (1, 2)]
    assert weights[0] == weights[1]
    assert "This split has 6 training and 2 validation cases" in (tmp_path / "1.log").read_text()
    changed = [replace(settings, seed=5), replace(settings, strong_intensity=True)]
    others = {weights_of(train(dataset, one, log=tmp_path / "other.log")) for one in changed}
    assert len(others - {weights[0]}) == 2
