"""Embed every real scan of the pyramid, as it is and in low resolution."""

from pathlib import Path

from mrisynth.embedding import load_network
from mrisynth.embedding.low_resolution import LowView
from mrisynth.embedding.volumes import embed_volumes, feature_spec
from mrisynth.embeddings import save_embeddings
from mrisynth.joblog import running
from mrisynth.store import open_pyramid
from mrisynth.training.device import prepare_device

with running(snakemake):
    wildcards, spec = snakemake.wildcards, snakemake.params.spec
    weights = str(snakemake.input.weights)
    network = load_network(feature_spec(wildcards.features, spec, weights=weights), device=prepare_device())
    size = int(wildcards.size)
    packed = open_pyramid(Path(snakemake.input.index).parent, size)
    for view, images in (("full", packed.images), ("low", LowView(packed.images, size))):
        what = f"embed real scans ({view} resolution)"
        embeddings = embed_volumes(images, packed.scans, network, what=what, cache=Path(snakemake.params.cache))
        save_embeddings(embeddings, snakemake.output[view])
