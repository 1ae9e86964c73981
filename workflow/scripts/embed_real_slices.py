"""Embed every real slice of one size."""

from pathlib import Path

from mrisynth.embedding import load_network
from mrisynth.embedding.volumes import embed_volumes, feature_spec
from mrisynth.embeddings import save_embeddings
from mrisynth.joblog import running
from mrisynth.slices.slice_set import open_slices
from mrisynth.training.device import prepare_device

with running(snakemake):
    wildcards, weights = snakemake.wildcards, str(snakemake.input.weights)
    spec = feature_spec(wildcards.features, snakemake.params.spec, weights=weights)
    slices = open_slices(Path(snakemake.input.index).parent, int(wildcards.size))
    network = load_network(spec, device=prepare_device(), dimensions=2, channels=slices.channels)
    names, cache = slices.index["image"].tolist(), Path(snakemake.params.cache)
    found = embed_volumes(slices.images, names, network, what="embed real slices", cache=cache)
    save_embeddings(found, snakemake.output[0])
