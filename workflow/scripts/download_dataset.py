"""Download one data set of resources/datasets.tsv."""

from pathlib import Path

from mrisynth.downloads import fetch_dataset
from mrisynth.joblog import running

with running(snakemake):
    fetch_dataset(
        snakemake.params.dataset,
        table=Path(snakemake.input.table),
        target=Path(snakemake.output[0]),
    )
