"""Compare every two models with paired intervals."""

from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.metrics.pairs import compare_models
from mrisynth.score_files import load_replicates, read_scores

with running(snakemake):
    replicates = {key: row for path in snakemake.input.replicates for key, row in load_replicates(path).items()}
    write_table(compare_models(read_scores(snakemake.input.metrics), replicates), snakemake.output[0])
