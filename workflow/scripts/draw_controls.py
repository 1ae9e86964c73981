"""Spoil training scans in one of the known ways."""

from pathlib import Path

import numpy as np

from mrisynth.controls import control_volumes
from mrisynth.files import atomic, read_table
from mrisynth.joblog import running
from mrisynth.store import open_pyramid

with running(snakemake):
    packed = open_pyramid(Path(snakemake.input.index).parent, int(snakemake.wildcards.size))
    table = read_table(snakemake.input.scans)
    training = set(table.loc[table["split"] == "train", "scan"])
    volumes = control_volumes(
        snakemake.wildcards.control,
        packed.images[packed.rows([scan for scan in packed.scans if scan in training])[: snakemake.params.samples]],
        count=snakemake.params.samples,
        seed=snakemake.params.seed,
    )
    with atomic(snakemake.output[0]) as unfinished, unfinished.open("wb") as stream:
        np.save(stream, volumes, allow_pickle=False)
