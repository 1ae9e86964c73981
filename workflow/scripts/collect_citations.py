"""Gather licences and citations of everything that a study used."""

from pathlib import Path

import pandas as pd

from mrisynth.files import atomic, write_table
from mrisynth.joblog import running
from mrisynth.provenance.citations import citation_rows, read_uses, used, works_of
from mrisynth.provenance.history import history_of
from mrisynth.provenance.works import read_works

with running(snakemake):
    works = read_works(snakemake.input.works)
    study = Path(snakemake.output.table).parent.parent
    history = history_of(snakemake.input.results, study=study)
    found = used(
        read_uses(snakemake.input.uses), terms=snakemake.params.terms, rules=history.rules, packages=history.packages
    )
    write_table(pd.DataFrame(citation_rows(found, works, history.packages)), snakemake.output.table)
    with atomic(snakemake.output.bib) as unfinished:
        unfinished.write_text("\n".join(work.source for work in works_of(found, works)), encoding="utf-8")
