"""Gather all scores in one long table."""

from mrisynth.files import read_table, write_table
from mrisynth.joblog import logged
from mrisynth.metrics.summary import collect

with logged(snakemake.log[0]):
    write_table(collect(read_table(path) for path in snakemake.input), snakemake.output[0])
