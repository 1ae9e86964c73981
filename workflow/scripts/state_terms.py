"""State the terms of every model and of its samples."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.redistribution import Redistribution
from mrisynth.terms import write_terms

with running(snakemake):
    terms = Redistribution(**snakemake.params.terms)
    for path in snakemake.output:
        write_terms(Path(path), terms, title=snakemake.params.title)
