"""Work out the spread of every score between seeds."""

from mrisynth.files import write_table
from mrisynth.joblog import logged
from mrisynth.metrics.replicates import seed_spread
from mrisynth.score_files import read_scores

with logged(snakemake.log[0]):
    spread = seed_spread(read_scores(snakemake.input[0]), snakemake.params.replicates)
    write_table(spread, snakemake.output[0])
