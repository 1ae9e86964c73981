"""Score what predictors learn from the samples of one model."""

from mrisynth.embeddings import read_embeddings
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.slice_tables import read_scans, read_told
from mrisynth.utility_study import utility_of_model

with running(snakemake):
    network = snakemake.input.network
    table = utility_of_model(
        read_embeddings(snakemake.input.embeddings),
        model=snakemake.wildcards.model,
        scans=read_scans(snakemake.input.scans, slices=snakemake.input.slices),
        condition=read_told(snakemake.input.condition, slices=snakemake.input.slices),
        asked=read_table(snakemake.input.samples)["label"].tolist(),
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        network=read_table(network) if network else None,
    )
    write_table(table, snakemake.output[0])
