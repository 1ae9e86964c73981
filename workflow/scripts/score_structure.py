"""Score the structure of a model's samples, of its untrained generator and of its low resolution."""

from pathlib import Path

import numpy as np

from mrisynth.arrays import open_array
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.score_files import save_replicates
from mrisynth.store import open_pyramid
from mrisynth.structure_study import structure_of_model

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    scored = structure_of_model(
        open_pyramid(Path(found.index).parent, params.size),
        read_table(found.scans),
        model=snakemake.wildcards.model,
        samples=np.concatenate([open_array(path) for path in found.samples]),
        untrained=open_array(found.untrained),
        low=np.concatenate([open_array(path) for path in found.low]) if found.low else None,
        seed=params.seed,
        pairs=params.pairs,
        replicates=params.resamplings,
    )
    write_table(scored.table, snakemake.output.table)
    save_replicates(scored.replicates, snakemake.output.replicates)
