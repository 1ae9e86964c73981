"""Print the estimate of a study."""

import sys

from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.training.device import prepare_device
from mrisynth.training.estimate import estimate_text

with running(snakemake):
    table = read_table(snakemake.input[0], note="string").fillna({"note": ""})
    sys.stdout.write(estimate_text(table, device=prepare_device()) + "\n")
    sys.stdout.flush()
