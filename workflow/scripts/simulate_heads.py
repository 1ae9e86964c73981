"""Simulate the heads of one bundle."""

from pathlib import Path

from mrisynth.cohorts.simulated import simulate_participants, write_heads
from mrisynth.joblog import running

with running(snakemake):
    participants = simulate_participants(snakemake.params.participants, seed=snakemake.params.seed)
    write_heads(
        participants[participants["scan"].isin(snakemake.params.scans)],
        Path(snakemake.output[0]),
        seed=snakemake.params.seed,
        voxel_mm=snakemake.params.voxel_mm,
    )
