"""Embed a model's slices, and what its generator drew untrained."""

from pathlib import Path

from mrisynth.arrays import open_array
from mrisynth.colour import CHANNELS, in_colour
from mrisynth.embedding import load_network
from mrisynth.embedding.volumes import embed_volumes, feature_spec
from mrisynth.embeddings import save_embeddings
from mrisynth.joblog import running
from mrisynth.training.device import prepare_device

with running(snakemake):
    wildcards, weights = snakemake.wildcards, str(snakemake.input.weights)
    spec = feature_spec(wildcards.features, snakemake.params.spec, weights=weights)
    channels = CHANNELS if in_colour(open_array(snakemake.input.untrained).shape[1:]) else 1
    network = load_network(spec, device=prepare_device(), dimensions=2, channels=channels)
    for source, paths in (("samples", snakemake.input.samples), ("untrained", [snakemake.input.untrained])):
        images = [image for path in paths for image in open_array(path)]
        ids = [f"{wildcards.model}-{source}-{row:06d}" for row in range(len(images))]
        what = f"embed {wildcards.model} {source}"
        found = embed_volumes(images, ids, network, what=what, cache=Path(snakemake.params.cache))
        save_embeddings(found, snakemake.output[source])
