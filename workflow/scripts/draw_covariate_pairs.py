"""Draw the covariates of a condition beside those that its models draw."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.covariate_pictures import write_pairs
from mrisynth.joblog import running

with running(snakemake):
    write_pairs(
        read_condition(Path(snakemake.input.table)),
        joint=Path(snakemake.output.joint),
        sources=Path(snakemake.output.sources),
        seed=snakemake.params.seed,
    )
