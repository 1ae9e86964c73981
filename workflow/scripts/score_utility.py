"""Score what predictors learn from the samples of one model."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.embeddings import read_embeddings
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.utility_study import utility_of_model

with running(snakemake):
    network = snakemake.input.network
    table = utility_of_model(
        read_embeddings(snakemake.input.embeddings),
        model=snakemake.wildcards.model,
        scans=read_table(snakemake.input.scans),
        condition=read_condition(Path(snakemake.input.condition)),
        asked=read_table(snakemake.input.samples)["label"].tolist(),
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        network=read_table(network) if network else None,
    )
    write_table(table, snakemake.output[0])
