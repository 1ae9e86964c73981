"""Simulate the heads of one bundle."""

from pathlib import Path

from mrisynth.cohorts.simulated import Atrophy, Variation, simulate_participants, write_heads
from mrisynth.joblog import running

with running(snakemake):
    params = snakemake.params
    participants = simulate_participants(
        params.participants,
        seed=params.seed,
        atrophy=Atrophy(**params.atrophy),
        variation=Variation(**params.variation),
        contrasts=params.get("contrasts"),
    )
    write_heads(
        participants[participants["scan"].isin(params.scans)],
        Path(snakemake.output[0]),
        seed=params.seed,
        voxel_mm=params.voxel_mm,
    )
