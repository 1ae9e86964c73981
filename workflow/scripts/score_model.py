"""Score one model, its untrained generator and its low resolution with one metric."""

from mrisynth.datasets import split_table
from mrisynth.embeddings import read_embeddings
from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.metrics.class_scores import named_by_class
from mrisynth.metrics.study_scores import score_model
from mrisynth.score_files import save_replicates

with running(snakemake):
    settings = snakemake.params.evaluation
    scored = score_model(
        snakemake.wildcards.metric,
        read_embeddings(snakemake.input.embeddings),
        model=snakemake.wildcards.model,
        scans=split_table(snakemake.input.scans),
        seed=snakemake.params.seed,
        draws=settings["floor_draws"],
        replicates=settings["resamplings"],
        k=settings["neighbours"],
    )
    if "of_class" in settings:
        scored = named_by_class(scored, **settings["of_class"])
    write_table(scored.table, snakemake.output.table)
    save_replicates(scored.replicates, snakemake.output.replicates)
