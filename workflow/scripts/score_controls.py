"""Score the controls of one size with one metric."""

from mrisynth.embeddings import read_embeddings
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.metrics.study_scores import score_controls

with running(snakemake):
    settings = snakemake.params.evaluation
    scored = score_controls(
        snakemake.wildcards.metric,
        read_embeddings(snakemake.input.embeddings),
        scans=read_table(snakemake.input.scans),
        seed=snakemake.params.seed,
        draws=settings["floor_draws"],
        replicates=settings["resamplings"],
        k=settings["neighbours"],
    )
    write_table(scored.table, snakemake.output[0])
