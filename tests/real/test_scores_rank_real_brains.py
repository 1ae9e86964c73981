"""Scores of real brains: other real brains reach the floor, damaged ones and noise do not, and rank by their damage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mrisynth.controls import noise_volumes
from mrisynth.embedding import FeatureSpec, load_network
from mrisynth.embedding.embed import embed
from mrisynth.embeddings import Embeddings
from mrisynth.metrics.scoring import Reals, Source, score_sources

pytestmark = pytest.mark.real

SCANS, SIZE, EDGE = 60, 32, 96


@pytest.fixture(scope="module")
def brains(shared_data, labelled_brain):
    heads = sorted((shared_data / "heads_ixi_2mm").glob("*.nii.gz"))[:SCANS]
    return np.stack([_cube(labelled_brain(head)) for head in heads])


def _cube(brain):
    """The brain centred in a cube of 192 mm and averaged to 6 mm."""
    centre = np.round(ndimage.center_of_mass(brain.mask)).astype(int)
    padded = np.pad(brain.values, EDGE)
    start = centre + EDGE - EDGE // 2
    cube = padded[tuple(slice(first, first + EDGE) for first in start)]
    step = EDGE // SIZE
    blocks = cube.reshape(SIZE, step, SIZE, step, SIZE, step).mean(axis=(1, 3, 5))
    return np.round(255 * blocks).astype(np.uint8)


@pytest.mark.parametrize("metric", ["fid", "kid", "precision_recall"])
def test_controls_rank_by_damage(brains, metric):
    network = load_network(FeatureSpec("random", "random", seed=0))
    generator = np.random.default_rng(0)
    train, test, held_out = brains[:30], brains[30:45], brains[45:]
    mean = train.mean(axis=0)
    volumes = {
        "held_out": held_out,
        "blurred": np.stack([ndimage.gaussian_filter(volume.astype(float), 0.8) for volume in held_out]),
        "one_brain": np.repeat(mean[None], 15, axis=0) + generator.normal(0, 2, (15, SIZE, SIZE, SIZE)),
        "noise": noise_volumes(15, size=SIZE, seed=0),
    }
    packed = {name: np.clip(values, 0, 255).astype(np.uint8) for name, values in volumes.items()}

    def embedded(values, prefix):
        features = embed(values, network, what=prefix)
        return Embeddings(
            features, [f"{prefix}{row}" for row in range(len(values))], network.description() | {"view": SIZE}
        )

    real = embedded(np.concatenate([train, test]), "scan")
    splits = {scan: "train" if row < len(train) else "test" for row, scan in enumerate(real.ids)}
    sources = [Source(name, "control", embedded(values, name)) for name, values in packed.items()]
    reals = Reals(real, splits, {scan: scan for scan in real.ids})
    table = score_sources(metric, real=reals, sources=sources, view=str(SIZE), seed=0, replicates=50).table
    test_rows = table[table.reference == "test"].set_index(["metric", "model"])
    if metric == "precision_recall":
        precision, recall = test_rows.value["precision"], test_rows.value["recall"]
        assert precision["held_out"] > 0.6 and recall["held_out"] > 0.6
        assert recall["one_brain"] < 0.2 and precision["noise"] == 0 and recall["noise"] == 0
        return
    value = test_rows.value[metric]
    assert value["held_out"] < 2 * test_rows.floor_high[metric]["held_out"]
    worse = ("blurred", "one_brain") if metric == "fid" else ("one_brain", "blurred")  # KID looks at finer features
    assert value["held_out"] < value[worse[0]] < value[worse[1]] < value["noise"]
    assert test_rows.high[metric]["held_out"] < test_rows.low[metric][worse[1]]
