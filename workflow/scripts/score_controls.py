"""Score the controls of one size with one metric."""

from mrisynth.files import read_table, write_table
from mrisynth.joblog import logged
from mrisynth.metrics.study_scores import score_controls
from mrisynth.score_files import read_embeddings

with logged(snakemake.log[0]):
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
