"""Embed a model's samples, their low resolution, and what its generator drew untrained."""

from pathlib import Path

import numpy as np

from mrisynth.arrays import open_array
from mrisynth.embedding import load_network
from mrisynth.embedding.low_resolution import LowView
from mrisynth.embedding.volumes import embed_volumes, feature_spec
from mrisynth.embeddings import save_embeddings
from mrisynth.joblog import running
from mrisynth.training.device import prepare_device

with running(snakemake):
    wildcards, spec = snakemake.wildcards, snakemake.params.spec
    weights = str(snakemake.input.weights)
    network = load_network(feature_spec(wildcards.features, spec, weights=weights), device=prepare_device())
    for source in ("samples", "low", "untrained"):
        paths = snakemake.input["volumes" if source == "samples" else source]
        paths = [paths] if isinstance(paths, str) else paths
        shards = [open_array(path) for path in paths]
        if source == "low":
            images = LowView(np.concatenate(shards), int(wildcards.size))
        else:
            images = [volume for shard in shards for volume in shard]
        ids = [f"{wildcards.model}-{source}-{row:06d}" for row in range(len(images))]
        what = f"embed {wildcards.model} {source}"
        embeddings = embed_volumes(images, ids, network, what=what, cache=Path(snakemake.params.cache))
        save_embeddings(embeddings, snakemake.output[source])
