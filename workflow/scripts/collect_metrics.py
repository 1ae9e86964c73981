"""Gather all scores in one long table."""

from mrisynth.files import write_table
from mrisynth.joblog import logged
from mrisynth.metrics.summary import collect
from mrisynth.score_files import read_scores

with logged(snakemake.log[0]):
    write_table(collect(read_scores(path) for path in snakemake.input), snakemake.output[0])
