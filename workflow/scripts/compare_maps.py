"""Put scans and samples into other maps, and see whether the clusters hold together there."""

from mrisynth.arrays import open_array
from mrisynth.clusters.comparison_study import compare_maps
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.embeddings import load_embeddings
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.reporting.comparison_maps import comparison_figure

with running(snakemake):
    found = snakemake.input
    real = load_embeddings(found.real)
    table, agreement = compare_maps(
        read_table(found.clusters),
        read_table(found.projections, condition="string"),
        real=real,
        samples=load_embeddings(found.samples),
        volumes=open_array(found.volumes),
        index=read_table(found.index)["scan"].tolist(),
        shards=[open_array(path) for path in found.shards],
        settings=ClusterSettings.from_config(snakemake.params.clustering),
        seed=snakemake.params.seed,
    )
    write_table(table, snakemake.output.table)
    features, trained = real.meta["features"], real.meta["trained"]
    comparison_figure(table, snakemake.output.figure, agreement=agreement, features=features, trained=trained)
