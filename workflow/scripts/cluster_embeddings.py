"""Cluster the real embeddings, put a model's samples into the map, and find the clusters again in part of the scans."""

from mrisynth.clusters.study import cluster_round
from mrisynth.embeddings import load_embeddings
from mrisynth.files import read_table, write_json, write_table
from mrisynth.joblog import running

with running(snakemake):
    found, params, output = snakemake.input, snakemake.params, snakemake.output
    made = cluster_round(
        load_embeddings(found.real),
        load_embeddings(found.samples),
        model=snakemake.wildcards.model,
        told=read_table(found.told)["label_name"],
        scans=read_table(found.scans),
        round_=params.round,
        block=params.clustering,
        resamplings=params.resamplings,
        seed=params.seed,
    )
    write_table(made.clusters, output.clusters)
    write_table(made.projections, output.projections)
    write_table(made.coverage, output.coverage)
    write_table(made.overlap, output.overlap)
    write_table(made.resamplings, output.stability)
    write_json(made.facts, output.facts)
