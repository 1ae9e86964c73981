"""Score how far two halves of a model's samples are apart in features, beside halves of real scans."""

from pathlib import Path

from mrisynth.datasets import split_table
from mrisynth.embeddings import read_embeddings
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.metrics.self_distance import score_self_distance
from mrisynth.reporting.self_distance_figure import self_distance_figure
from mrisynth.slice_tables import read_told

with running(snakemake):
    given, model = snakemake.input, snakemake.wildcards.model
    told = read_told(given.condition, slices=given.slices)
    found = score_self_distance(
        read_embeddings(given.embeddings),
        model=model,
        scans=split_table(given.scans),
        condition=Path(given.condition).stem,
        classes=told.classes,
        labels=dict(zip(told.table["scan"], told.table["label"], strict=True)),
        asked=read_table(given.samples)["label"].tolist(),
        seed=snakemake.params.seed,
        draws=snakemake.params.draws,
        only=snakemake.params.only,
    )
    untrained = found.table.loc[~found.table["features_trained"], "features"].unique()
    title = f"Halves of the samples of {model} and of real scans"
    self_distance_figure(found.summary, snakemake.output.picture, title=title, untrained=untrained)
    write_table(found.summary, snakemake.output.summary)
    write_table(found.table, snakemake.output.table)
