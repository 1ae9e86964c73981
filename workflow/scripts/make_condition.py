"""Write the condition table of the scans that passed."""

from pathlib import Path

from mrisynth.conditions import build_condition, write_condition
from mrisynth.files import read_table
from mrisynth.joblog import logged

with logged(snakemake.log[0]):
    scans = read_table(snakemake.input.scans)
    clusters = snakemake.input.get("clusters")
    condition = build_condition(
        snakemake.wildcards.condition,
        scans[scans["scan"].isin(read_table(snakemake.input.index)["scan"])],
        seed=snakemake.params.seed,
        clusters=read_table(clusters) if clusters else None,
        **snakemake.params.condition,
    )
    write_condition(condition, Path(snakemake.output.table))
