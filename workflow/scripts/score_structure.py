"""Score the structure of a model's samples, of its untrained generator and of its low resolution."""

from pathlib import Path

import numpy as np

from mrisynth.files import read_table, write_table
from mrisynth.joblog import logged
from mrisynth.score_files import save_replicates
from mrisynth.store import open_pyramid
from mrisynth.structure_study import structure_of_model

with logged(snakemake.log[0]):
    found, params = snakemake.input, snakemake.params
    scored = structure_of_model(
        open_pyramid(Path(found.index).parent, params.size),
        read_table(found.scans),
        model=snakemake.wildcards.model,
        samples=np.concatenate([np.load(path, allow_pickle=False) for path in found.samples]),
        untrained=np.load(found.untrained, mmap_mode="r", allow_pickle=False),
        low=np.concatenate([np.load(path, allow_pickle=False) for path in found.low]) if found.low else None,
        seed=params.seed,
        pairs=params.pairs,
        replicates=params.resamplings,
    )
    write_table(scored.table, snakemake.output.table)
    save_replicates(scored.replicates, snakemake.output.replicates)
