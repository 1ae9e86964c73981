"""Embed a model's samples and its controls."""

import numpy as np

from mrisynth.embedding import load_network
from mrisynth.embedding.volumes import embed_volumes, feature_spec
from mrisynth.embeddings import save_embeddings
from mrisynth.joblog import logged
from mrisynth.training.device import choose_device

with logged(snakemake.log[0]):
    wildcards, spec = snakemake.wildcards, snakemake.params.spec
    network = load_network(
        feature_spec(wildcards.features, spec, weights=str(snakemake.input.weights)), device=choose_device()
    )
    for source, paths in (
        ("samples", snakemake.input.volumes),
        ("untrained", [snakemake.input.untrained]),
        ("noise", [snakemake.input.noise]),
    ):
        volumes = np.concatenate([np.load(path, allow_pickle=False) for path in paths])
        ids = [f"{wildcards.model}-{source}-{row:06d}" for row in range(len(volumes))]
        what = f"embed {wildcards.model} {source}"
        embeddings = embed_volumes(volumes, ids, network, batch_size=spec["batch_size"], what=what)
        save_embeddings(embeddings, snakemake.output[source])
