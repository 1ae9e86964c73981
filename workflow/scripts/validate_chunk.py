"""Score the model of one training chunk on the validation split."""

from pathlib import Path

from mrisynth.datasets import split_table
from mrisynth.embedding import load_network
from mrisynth.embedding.volumes import feature_spec
from mrisynth.embeddings import load_embeddings
from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.sampling import Sampler
from mrisynth.training.device import prepare_device
from mrisynth.validation import validate_candidate

with running(snakemake):
    params, scans, device = snakemake.params, split_table(snakemake.input.scans), prepare_device()
    sampler = Sampler.load(snakemake.input.candidate, device=device)
    recipe = sampler.recipe
    spec = feature_spec(params.features, params.spec, weights=str(snakemake.input.weights))
    table = validate_candidate(
        sampler,
        chunk=int(snakemake.wildcards.chunk),
        network=load_network(spec, device=device, dimensions=recipe.dimensions, channels=recipe.channels),
        real=load_embeddings(snakemake.input.real),
        splits=dict(zip(scans["scan"], scans["split"], strict=True)),
        samples=params.samples,
        seed=params.seed,
        cache=Path(params.cache),
    )
    write_table(table, snakemake.output[0])
