"""Keep the chunk with the best validation score as the model."""

from pathlib import Path

from mrisynth.joblog import logged
from mrisynth.validation import keep_best

with logged(snakemake.log[0]):
    keep_best(
        [Path(path) for path in snakemake.input.candidates],
        [Path(path) for path in snakemake.input.tables],
        folder=Path(snakemake.output.weights).parent,
        table=Path(snakemake.output.table),
    )
