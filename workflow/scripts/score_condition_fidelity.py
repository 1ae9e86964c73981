"""Read the condition of one model back from its samples."""

from mrisynth.embeddings import read_embeddings
from mrisynth.fidelity_study import fidelity_of_model
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.slice_tables import read_scans, read_told

with running(snakemake):
    scores, confusion = fidelity_of_model(
        read_embeddings(snakemake.input.embeddings),
        model=snakemake.wildcards.model,
        scans=read_scans(snakemake.input.scans, slices=snakemake.input.slices),
        condition=read_told(snakemake.input.condition, slices=snakemake.input.slices),
        asked=read_table(snakemake.input.samples)["label"].tolist(),
        seed=snakemake.params.seed,
    )
    write_table(scores, snakemake.output.table)
    write_table(confusion, snakemake.output.confusion)
