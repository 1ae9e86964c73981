"""Draw the latents of a model."""

from pathlib import Path

from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.reporting.latents import latent_figures

with running(snakemake):
    latent_figures(
        Path(snakemake.input.volumes),
        read_table(snakemake.input.directions, covariate="string", towards="string"),
        model=snakemake.wildcards.model,
        reconstructions=Path(snakemake.output.reconstructions),
        interpolation=Path(snakemake.output.interpolation),
        directions=Path(snakemake.output.directions),
    )
