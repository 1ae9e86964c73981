"""Draw what a model's autoencoder gives back."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.reporting.reconstruction_figure import reconstruction_figure

with running(snakemake):
    reconstruction_figure(Path(snakemake.input[0]), Path(snakemake.output[0]), model=snakemake.wildcards.model)
