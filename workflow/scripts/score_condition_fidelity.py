"""Read the condition of one model back from its samples."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.embeddings import read_embeddings
from mrisynth.fidelity_study import fidelity_of_model
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running

with running(snakemake):
    scores, confusion = fidelity_of_model(
        read_embeddings(snakemake.input.embeddings),
        model=snakemake.wildcards.model,
        scans=read_table(snakemake.input.scans),
        condition=read_condition(Path(snakemake.input.condition)),
        asked=read_table(snakemake.input.samples)["label"].tolist(),
        seed=snakemake.params.seed,
    )
    write_table(scores, snakemake.output.table)
    write_table(confusion, snakemake.output.confusion)
