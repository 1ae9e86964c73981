"""Write a synthesis of slices as pictures and MRGen's lists."""

from pathlib import Path

from mrisynth.arrays import open_array
from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.synthesis.kept import Candidates
from mrisynth.synthesis.mrgen_form import write_mrgen
from mrisynth.synthesis.standards import Standards

with running(snakemake):
    found = snakemake.input
    rule = Standards.read(Path(found.standards)).rule
    records, arrays = ([Path(path) for path in files] for files in (found.records, found.candidates))
    write_mrgen(
        Candidates.read(records, arrays, rule=rule),
        read_table(found.masks, mask="string"),
        open_array(found.shown),
        Path(snakemake.output[0]),
        structures=rule.structures,
        arguments=snakemake.params.plan,
    )
