"""Export what others may have of the study."""

from pathlib import Path

from mrisynth.exporting import Exported, export
from mrisynth.joblog import running
from mrisynth.redistribution import Redistribution

with running(snakemake):
    params = snakemake.params
    wanted = Exported(
        study=Path(snakemake.input.metrics).parent,
        title=params.title,
        models=params.models,
        terms=Redistribution(**params.terms),
    )
    export(wanted, Path(snakemake.output[0]))
