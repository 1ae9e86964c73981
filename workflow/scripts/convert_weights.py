"""Convert the weights of a feature network to safetensors."""

from pathlib import Path

from mrisynth.embedding.weights import convert_weights
from mrisynth.joblog import running

with running(snakemake):
    convert_weights(
        Path(snakemake.input[0]),
        Path(snakemake.output[0]),
        network=snakemake.wildcards.network,
        sha256=snakemake.params.sha256,
    )
