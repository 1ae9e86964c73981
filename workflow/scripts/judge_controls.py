"""Say which feature space misses which control."""

import logging

from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.metrics.summary import collect
from mrisynth.metrics.verdicts import control_verdicts, untrusted_sentences
from mrisynth.score_files import read_scores

with running(snakemake):
    verdicts = control_verdicts(collect(read_scores(path) for path in snakemake.input))
    for sentence in untrusted_sentences(verdicts):
        logging.getLogger(__name__).warning("%s", sentence)
    write_table(verdicts, snakemake.output[0])
