"""Keep the chunk with the best validation score as the model."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.validation import keep_best

with running(snakemake):
    keep_best(
        [Path(path) for path in snakemake.input.candidates],
        [Path(path) for path in snakemake.input.tables],
        folder=Path(snakemake.output.weights).parent,
        table=Path(snakemake.output.table),
    )
