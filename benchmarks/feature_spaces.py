"""What a cohort encoder learns of a real cohort, and how it and the random features rank sets that are known to be bad.

    python benchmarks/feature_spaces.py STUDY [--size 32] [--epochs 60]

STUDY is the folder of a study that was run (``pyramid/``, ``cohort/scans.tsv``, ``samples/``), of IXI for the figures
in benchmarks/README.md. The encoder learns from the training scans. Test and validation scans are divided into two
halves 5 times: one is the reference, the other is scored as it is and damaged. Figures: Fréchet distances (median over
the draws), CPU-seconds, and the errors of the encoder's heads beside those of always saying the same.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measure import REPOSITORY, cpu_seconds, report

sys.path.insert(0, str(REPOSITORY / "workflow"))

import numpy as np
import torch

from mrisynth.configuration import complete, load_schema
from mrisynth.controls import CONTROLS, control_volumes
from mrisynth.embedding import FeatureNetwork, FeatureSpec, load_network
from mrisynth.embedding.encoder_job import EncoderFiles, make_encoder
from mrisynth.embedding.volumes import embed_volumes
from mrisynth.files import read_json, read_table
from mrisynth.metrics.frechet import frechet_distance
from mrisynth.store import Pyramid, open_pyramid

DRAWS = 5
SEED = 0


def settings(epochs: int) -> dict:
    """Return the defaults of a cohort encoder."""
    schema = load_schema(REPOSITORY / "workflow" / "schemas" / "config.schema.yaml")
    study = {"cohort": {"name": "simulated"}, "models": {"m": {"family": "hagan"}}, "evaluation": {"features": ["c"]}}
    features = {"features": {"c": {"network": "cohort_encoder", "epochs": epochs}}, "clustering": {"features": "c"}}
    return complete(study | features, schema, source=__file__)["features"]["c"]


def trained(study: Path, folder: Path, *, size: int, epochs: int) -> tuple[FeatureNetwork, dict]:
    """Train an encoder; return it and its facts."""
    files = EncoderFiles(
        pyramid=study / "pyramid", scans=study / "cohort" / "scans.tsv", regions=None,
        weights=folder / "encoder.safetensors", facts=folder / "encoder.json", curve=folder / "curve.tsv",
    )  # fmt: skip
    make_encoder("cohort", settings(epochs), size=size, files=files, device="cpu")
    return load_network(FeatureSpec("cohort", "cohort_encoder", weights=files.weights)), read_json(files.facts)


def sets_of(study: Path, packed: Pyramid, *, scored: np.ndarray, training: np.ndarray) -> dict[str, np.ndarray]:
    """Return the sets to score, as many volumes in each."""
    scans, count = np.asarray(packed.images[scored]), len(scored)
    sets = {"held-out scans": scans, "training scans": packed.images[training[:count]]}
    sets |= {name: control_volumes(name, scans, count=count, seed=SEED) for name in CONTROLS}
    for shards in sorted((study / "samples").glob(f"*_{packed.size}/shards")):
        drawn = [np.load(path) for path in sorted(shards.glob("*.npy")) if "low" not in path.name]
        sets[shards.parent.name] = np.concatenate(drawn)[:count]
    return sets


def distances(
    network: FeatureNetwork, study: Path, packed: Pyramid, *, split: np.ndarray, cache: Path
) -> dict[str, list[float]]:
    """Return the distance of every set to the reference half, a number a draw."""
    random, found = np.random.default_rng(SEED), {}
    held_out, training = np.flatnonzero(split != "train"), np.flatnonzero(split == "train")
    for _ in range(DRAWS):
        order, half = random.permutation(held_out), len(held_out) // 2
        sets = {"reference": packed.images[np.sort(order[:half])]}
        sets |= sets_of(study, packed, scored=np.sort(order[half : 2 * half]), training=random.permutation(training))
        features = {
            name: embed_volumes(
                images, [str(row) for row in range(len(images))], network, what=name, cache=cache
            ).features
            for name, images in sets.items()
        }
        reference = features.pop("reference")
        for name, values in features.items():
            found.setdefault(name, []).append(frechet_distance(reference, values))
    return found


def run(study: Path, *, size: int, epochs: int) -> None:
    """Train, embed and rank."""
    packed = open_pyramid(study / "pyramid", size)
    split = read_table(study / "cohort" / "scans.tsv").set_index("scan").loc[packed.scans, "split"].to_numpy()
    with tempfile.TemporaryDirectory() as scratch:
        began = cpu_seconds()
        encoder, facts = trained(study, Path(scratch), size=size, epochs=epochs)
        seconds = cpu_seconds() - began
        networks = {"cohort": encoder, "random": load_network(FeatureSpec("random", "random"))}
        found = {
            name: distances(network, study, packed, split=split, cache=Path(scratch))
            for name, network in networks.items()
        }
    rows = [
        {"set": name} | {key: float(np.median(values[name])) for key, values in found.items()}
        for name in found["cohort"]
    ]
    floors = {
        f"held_out_{key}_5_to_95": [float(q) for q in np.percentile(values["held-out scans"], (5, 95))]
        for key, values in found.items()
    }
    report(f"feature_spaces_{size}", rows, training_cpu_seconds=seconds, **floors, scans=facts["scans"],
           targets=facts["targets"])  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=60)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    run(asked.study, size=asked.size, epochs=asked.epochs)
