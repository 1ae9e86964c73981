"""Download one data set of resources/datasets.tsv."""

from pathlib import Path

from mrisynth.downloads import fetch_dataset
from mrisynth.joblog import logged

with logged(snakemake.log[0]):
    fetch_dataset(
        snakemake.params.dataset,
        table=Path(snakemake.input.table),
        target=Path(snakemake.output[0]),
    )
