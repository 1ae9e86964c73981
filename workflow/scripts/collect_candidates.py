"""Decide on the candidates of a synthesis and write those that are kept."""

from pathlib import Path

from mrisynth.arrays import open_array
from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.synthesis.kept import Candidates, write_kept
from mrisynth.synthesis.standards import Standards

with running(snakemake):
    found, folder = snakemake.input, Path(snakemake.output.kept).parent
    rule = Standards.read(Path(found.standards)).rule
    records, images = ([Path(path) for path in files] for files in (found.records, found.images))
    candidates = Candidates.read(records, images, rule=rule)
    write_kept(candidates, read_table(found.masks, mask="string"), open_array(found.shown), folder, rule=rule)
