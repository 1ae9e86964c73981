"""Gather all scores in one long table."""

from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.metrics.summary import collect
from mrisynth.score_files import read_scores

with running(snakemake):
    write_table(collect(read_scores(path) for path in snakemake.input), snakemake.output[0])
