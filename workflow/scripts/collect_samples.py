"""List a model's samples."""

from pathlib import Path

from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.sampling_export import read_samples

with running(snakemake):
    shards = read_samples(list(map(Path, snakemake.input.tables)), recipe=Path(snakemake.input.recipe))
    write_table(shards, snakemake.output[0])
