"""Score the structure of the controls of one size."""

from pathlib import Path

from mrisynth.arrays import open_array
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.store import open_pyramid
from mrisynth.structure_study import structure_of_controls

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    table = structure_of_controls(
        open_pyramid(Path(found.index).parent, int(snakemake.wildcards.size)),
        read_table(found.scans),
        {Path(path).stem: open_array(path) for path in found.controls},
        seed=params.seed,
        pairs=params.pairs,
        replicates=params.resamplings,
    )
    write_table(table, snakemake.output[0])
