"""Describe the study as an RO-Crate."""

import logging
from pathlib import Path

from mrisynth.files import write_json
from mrisynth.joblog import running
from mrisynth.provenance.citations import read_uses, used, works_of
from mrisynth.provenance.crate import StudyFacts, crate_of
from mrisynth.provenance.disclosure import disclosed
from mrisynth.provenance.history import history_of
from mrisynth.provenance.works import read_works

with running(snakemake):
    params, found = snakemake.params, snakemake.input
    write_json(disclosed(params.config), snakemake.output.config)
    study = Path(snakemake.output.crate).parent
    history = history_of(found.results, study=study)
    if history.unrecorded:
        logging.getLogger("mrisynth").warning(
            "No record tells what %d files were made of, the first %s; they were made before mrisynth kept records.",
            len(history.unrecorded),
            history.unrecorded[0],
        )
    uses = used(read_uses(found.uses), terms=params.terms, rules=history.rules, packages=history.packages)
    facts = StudyFacts(
        title=params.config["title"],
        folder=study,
        licence=params.licence,
        words=params.words,
        may_be_exported=params.may_be_exported,
        config=Path(snakemake.output.config),
    )
    document = crate_of(history, facts=facts, uses=uses, works=works_of(uses, read_works(found.works)))
    write_json(document, snakemake.output.crate)
