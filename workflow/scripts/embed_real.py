"""Embed every real scan of the pyramid."""

from pathlib import Path

from mrisynth.embedding import load_network
from mrisynth.embedding.volumes import embed_volumes, feature_spec
from mrisynth.embeddings import save_embeddings
from mrisynth.joblog import logged
from mrisynth.store import open_pyramid
from mrisynth.training.device import choose_device

with logged(snakemake.log[0]):
    wildcards, spec = snakemake.wildcards, snakemake.params.spec
    network = load_network(
        feature_spec(wildcards.features, spec, weights=str(snakemake.input.weights)), device=choose_device()
    )
    packed = open_pyramid(Path(snakemake.input.index).parent, int(wildcards.size))
    embeddings = embed_volumes(
        packed.images, packed.scans, network, batch_size=spec["batch_size"], what="embed real scans"
    )
    save_embeddings(embeddings, snakemake.output[0])
