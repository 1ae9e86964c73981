"""Embed a control."""

from pathlib import Path

from mrisynth.arrays import open_array
from mrisynth.embedding import load_network
from mrisynth.embedding.volumes import embed_volumes, feature_spec
from mrisynth.embeddings import save_embeddings
from mrisynth.joblog import running
from mrisynth.training.device import prepare_device

with running(snakemake):
    wildcards, spec = snakemake.wildcards, snakemake.params.spec
    weights = str(snakemake.input.weights)
    network = load_network(feature_spec(wildcards.features, spec, weights=weights), device=prepare_device())
    volumes = open_array(snakemake.input.volumes)
    ids = [f"{wildcards.control}-{row:06d}" for row in range(len(volumes))]
    what = f"embed {wildcards.control}"
    embeddings = embed_volumes(volumes, ids, network, what=what, cache=Path(snakemake.params.cache))
    save_embeddings(embeddings, snakemake.output[0])
