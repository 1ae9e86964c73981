"""Score the structure of the controls of one size."""

from pathlib import Path

import numpy as np

from mrisynth.files import read_table, write_table
from mrisynth.joblog import logged
from mrisynth.store import open_pyramid
from mrisynth.structure_study import structure_of_controls

with logged(snakemake.log[0]):
    found, params = snakemake.input, snakemake.params
    table = structure_of_controls(
        open_pyramid(Path(found.index).parent, int(snakemake.wildcards.size)),
        read_table(found.scans),
        {Path(path).stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in found.controls},
        seed=params.seed,
        pairs=params.pairs,
        replicates=params.resamplings,
    )
    write_table(table, snakemake.output[0])
