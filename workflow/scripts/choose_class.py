"""Write the index of slices with the splits of one class alone."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.one_class import splits_of_class

with running(snakemake):
    found = snakemake.input
    index, condition = read_table(found.index), read_condition(Path(found.condition))
    write_table(splits_of_class(index, condition, snakemake.params.only), snakemake.output[0])
