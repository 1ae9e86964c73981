"""Score one model, its controls and the floor with one metric."""

from pathlib import Path

from mrisynth.embeddings import load_embeddings
from mrisynth.files import read_table, write_table
from mrisynth.joblog import logged
from mrisynth.metrics.study_scores import score_in_all_features

with logged(snakemake.log[0]):
    evaluation = snakemake.params.evaluation
    scans = read_table(snakemake.input.scans)
    table = score_in_all_features(
        snakemake.params.metric,
        [(Path(path).stem, load_embeddings(path)) for path in snakemake.input.embeddings],
        model=snakemake.wildcards.model,
        splits=dict(zip(scans["scan"], scans["split"], strict=True)),
        view=snakemake.params.model["size"],
        seed=snakemake.params.seed,
        draws=evaluation["floor_draws"],
        k=evaluation["neighbours"],
    )
    write_table(table, snakemake.output[0])
