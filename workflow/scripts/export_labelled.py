"""Write the real slices of a study as images with dataset.json."""

from pathlib import Path

from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.redistribution import Redistribution
from mrisynth.slices.dataset_json import export_slices
from mrisynth.terms import TERMS, write_terms

with running(snakemake):
    found, params, folder = snakemake.input, snakemake.params, Path(snakemake.output[0])
    told = read_table(found.condition)
    columns = told.columns.drop(["scan", "label", "label_name"]).tolist()
    export_slices(Path(found.index).parent, folder, size=int(snakemake.wildcards.size), table=told, columns=columns)
    write_terms(folder / TERMS, Redistribution(**params.terms), title=params.title, slices=True)
