"""Score the samples of one model class by class with one metric of features."""

from pathlib import Path

from mrisynth.datasets import split_table
from mrisynth.embeddings import read_embeddings
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.metrics.class_scores import score_classes
from mrisynth.score_files import save_replicates
from mrisynth.slice_tables import read_told

with running(snakemake):
    told = read_told(snakemake.input.condition, slices=snakemake.input.slices)
    scored = score_classes(
        snakemake.wildcards.metric,
        read_embeddings(snakemake.input.embeddings),
        model=snakemake.wildcards.model,
        scans=split_table(snakemake.input.scans),
        condition=Path(snakemake.input.condition).stem,
        classes=told.classes,
        labels=dict(zip(told.table["scan"], told.table["label"], strict=True)),
        asked=read_table(snakemake.input.samples)["label"].tolist(),
        seed=snakemake.params.seed,
        draws=snakemake.params.draws,
        replicates=snakemake.params.replicates,
    )
    write_table(scored.table, snakemake.output.table)
    save_replicates(scored.replicates, snakemake.output.replicates)
