"""Score and compare the arms."""

from pathlib import Path

from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.segmentation.results import score_arms

with running(snakemake):
    params, made = snakemake.params, snakemake.output
    tables = score_arms(
        dict(zip(params.arms, map(Path, snakemake.input.predictions), strict=True)),
        Path(snakemake.input.test),
        tolerance_mm=params.tolerance_mm,
        seed=params.seed,
        replicates=params.replicates,
    )
    write_table(tables.volumes, made.cases)
    write_table(tables.arms, made.arms)
    write_table(tables.differences, made.differences)
