"""What each kind of feature network needs before volumes are embedded, and weights that stop a run."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow

MAKING = ("download_medicalnet_weights", "download_inception_weights", "convert_weights", "train_encoder")


def planned(snakemake, clone: Path, entry: str) -> dict[str, int]:
    words = ["--configfile", "config/demo.yaml", "--config", "folder=studies/never-run", f"features={{seen: {entry}}}"]
    words += ["evaluation={features: [seen]}", "clustering={features: seen}"]
    dry = snakemake("-n", *words, "--", "studies/never-run/embeddings/seen/32/real.npz", folder=clone)
    assert dry.returncode == 0, dry.text
    assert dry.jobs["embed_real"] == 1
    return {name: count for name, count in dry.jobs.items() if name in MAKING}


@pytest.mark.parametrize(
    ("entry", "needed"),
    [
        ("{network: random}", {}),
        ("{network: cohort_encoder}", {"train_encoder": 1}),
        ("{network: inception}", {"download_inception_weights": 1, "convert_weights": 1}),
        ("{network: inception, weights: README.md}", {"convert_weights": 1}),
        ("{network: medicalnet_resnet50}", {"download_medicalnet_weights": 1, "convert_weights": 1}),
    ],
)
def test_each_network_gets_what_it_needs_once(snakemake, clean_clone, entry, needed):
    assert planned(snakemake, clean_clone, entry) == needed


def test_weights_with_another_checksum_stop_the_run(snakemake, clean_clone):
    target = "resources/weights/converted/inception.6726825d0af5f729.safetensors"
    config = "features={seen: {network: inception, weights: README.md}}"
    run = snakemake("-c1", "--configfile", "config/demo.yaml", "--config", config, "--", target, folder=clean_clone)
    assert run.returncode != 0
    assert "README.md is not the expected file: its sha256 is" in run.text
    assert not (clean_clone / target).exists()
