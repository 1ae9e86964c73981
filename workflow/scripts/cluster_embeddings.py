"""Cluster the real embeddings and put a model's samples into the same map."""

from pathlib import Path

from mrisynth.cluster_study import cluster_study
from mrisynth.embeddings import load_embeddings
from mrisynth.files import read_table, write_table
from mrisynth.joblog import logged
from mrisynth.reporting.maps import umap_figure

with logged(snakemake.log[0]):
    scans = read_table(snakemake.input.scans)
    found = {Path(path).stem: load_embeddings(path) for path in snakemake.input.embeddings}
    real = found.pop("real")
    clusters, projections = cluster_study(
        real,
        found,
        splits=dict(zip(scans["scan"], scans["split"], strict=True)),
        settings=snakemake.params.clustering,
        seed=snakemake.params.seed,
    )
    write_table(clusters, snakemake.output.clusters)
    write_table(projections, snakemake.output.projections)
    features, trained = real.meta["features"], real.meta["trained"]
    umap_figure(clusters, projections, snakemake.output.figure, features=features, trained=trained)
