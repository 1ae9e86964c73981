"""Write the real slices of a study in the exchange format."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.joblog import running
from mrisynth.redistribution import Redistribution
from mrisynth.slices.exchange import write_exchange
from mrisynth.terms import TERMS, write_terms

with running(snakemake):
    found, params, folder = snakemake.input, snakemake.params, Path(snakemake.output[0])
    told = read_condition(Path(found.condition))
    known = told.table[told.table["label"] >= 0]
    write_exchange(
        Path(found.index).parent,
        folder,
        classes=told.classes,
        sizes=params.sizes,
        labels=dict(zip(known["scan"], known["label_name"], strict=True)),
    )
    write_terms(folder / TERMS, Redistribution(**params.terms), title=params.title, slices=True)
