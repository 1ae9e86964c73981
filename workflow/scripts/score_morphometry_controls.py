"""Score the region volumes of the controls of one size."""

from pathlib import Path

from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.morphometry_study import score_volumes, sources_of

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    tables = {Path(path).name.split(".")[1]: read_table(path, id="string", reason="string") for path in found.controls}
    scored = score_volumes(
        read_table(found.real, id="string", reason="string"),
        sources_of(tables),
        read_table(found.scans),
        view=snakemake.wildcards.size,
        seed=params.seed,
        draws=params.draws,
        replicates=params.resamplings,
    )
    write_table(scored.table, snakemake.output[0])
