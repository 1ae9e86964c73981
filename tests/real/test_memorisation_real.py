"""Copies of real brains among strangers' brains are found, strangers let pass, and two sisters of one birth noticed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mrisynth.copy_study import PackedScans, study_copies
from mrisynth.metrics.planted import PLANTED, planted_copy

pytestmark = pytest.mark.real

SIZE, VOXEL_MM = 64, 3.5
SPREAD = np.array([9.0, 11.0, 9.0])  # voxels
TRAIN, SCANS = 56, 96
TWINS = ("IXI383-HH-2099", "IXI384-HH-2100")
"""Two women born on one day, scanned one after the other."""


@pytest.fixture(scope="module")
def real(shared_data, labelled_brain):
    heads = {path.name.removesuffix("-T1.nii.gz"): path for path in (shared_data / "heads_ixi_2mm").glob("*.nii.gz")}
    strangers = [scan for scan in sorted(heads) if scan not in TWINS][: SCANS - 2]
    scans = [TWINS[1], *strangers, TWINS[0]]
    images = np.stack([_cube(labelled_brain(heads[scan])) for scan in scans])
    splits = ["train"] * TRAIN + ["validation"] * 10 + ["test"] * (SCANS - TRAIN - 10)
    return PackedScans(images, scans, [scan[:6] for scan in scans], splits, VOXEL_MM)


def _cube(brain):
    """The brain in a cube of 224 mm, moved and stretched so that all brains have one width each way."""
    places = np.argwhere(brain.mask)
    axes, widths = np.linalg.eigh(np.cov(places.T))[::-1]
    turn = axes[:, np.abs(axes).argmax(axis=1)]
    step = turn * np.sign(np.diag(turn)) * np.sqrt(widths[np.abs(axes).argmax(axis=1)]) / SPREAD
    start = places.mean(axis=0) - step @ np.full(3, (SIZE - 1) / 2)
    cube = ndimage.affine_transform(ndimage.gaussian_filter(brain.values, 0.7), step, start, (SIZE,) * 3, order=1)
    return np.rint(255 * cube).astype(np.uint8)


def test_copies_of_real_brains_are_found_and_strangers_let_pass(real):
    """One sample in a hundred and more is a copy: the others are held-out brains turned a little."""
    generator = np.random.default_rng(0)
    copied = generator.permutation(TRAIN)[:20]
    copies = [
        planted_copy(real.images[row], kind, voxel_mm=VOXEL_MM, generator=generator)
        for kind in PLANTED
        for row in copied[:5]
    ]
    others = [
        np.rint(ndimage.rotate(real.images[row].astype(np.float32), 4, axes=(0, 1), reshape=False, order=1))
        for row in range(TRAIN, SCANS - 1)
    ]
    samples = np.concatenate([np.stack(copies), np.stack(others).astype(np.uint8)])
    study = study_copies(real, [samples], model="model", seed=0, planted=25, draws=5)
    scores = {(score.metric, score.model): score for score in study.scores}
    for kind in PLANTED:
        assert scores["copies_found", f"planted_{kind}"].value >= 0.95
    found = study.suspects[study.suspects.source == "sample"].set_index("name")
    flagged = [found.flagged[f"{row}"] for row in range(len(samples))]
    assert np.mean(flagged[: len(copies)]) >= 0.95
    assert np.mean(flagged[len(copies) :]) <= 0.02
    assert (found.closest_scan[[f"{row}" for row in range(20)]] == [real.scans[row] for row in copied[:5]] * 4).all()
    area = scores["membership_auc", "model"]
    assert area.value < 0.5, "most samples were made of held-out brains"


def test_a_training_scan_and_its_held_out_twin_are_named(real):
    study = study_copies(real, [real.images[TRAIN : TRAIN + 4]], model="model", seed=0, planted=4, draws=5)
    held_out = study.suspects[study.suspects.source == "held_out"]
    most = held_out.iloc[0]
    assert (most["name"], most.closest_scan) == TWINS
    assert most.similarity > held_out.similarity.iloc[1] + 0.05
    assert held_out.flagged.iloc[1:].sum() == 0
