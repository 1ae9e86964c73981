"""Keep the last state of a training; the chain deletes its own."""

from pathlib import Path

from mrisynth.files import keep_file
from mrisynth.joblog import running

with running(snakemake):
    keep_file(Path(snakemake.input[0]), Path(snakemake.output[0]))
