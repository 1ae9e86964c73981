"""Train small networks on real scans, on samples and on both, and write what they predict of the test scans."""

from pathlib import Path

import numpy as np

from mrisynth.arrays import open_array
from mrisynth.conditions import read_condition
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.store import open_pyramid
from mrisynth.training.device import prepare_device
from mrisynth.utility_cnn import network_table

with running(snakemake):
    table = network_table(
        open_pyramid(Path(snakemake.input.real).parent, snakemake.params.size),
        np.concatenate([open_array(path) for path in snakemake.input.volumes]),
        scans=read_table(snakemake.input.scans),
        condition=read_condition(Path(snakemake.input.condition)),
        asked=read_table(snakemake.input.samples)["label"].tolist(),
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        device=prepare_device(),
    )
    write_table(table, snakemake.output[0])
