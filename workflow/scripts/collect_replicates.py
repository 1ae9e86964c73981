"""Work out the spread of every score between seeds."""

from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.metrics.replicates import seed_spread
from mrisynth.score_files import read_scores

with running(snakemake):
    spread = seed_spread(read_scores(snakemake.input[0]), snakemake.params.replicates)
    write_table(spread, snakemake.output[0])
