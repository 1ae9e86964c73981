"""Draw some masks of a synthesis with their candidates."""

from pathlib import Path

from mrisynth.arrays import open_array
from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.reporting.candidates_figure import candidates_figure
from mrisynth.synthesis.kept import Candidates
from mrisynth.synthesis.shown_candidates import shown_candidates
from mrisynth.synthesis.standards import Standards

with running(snakemake):
    found = snakemake.input
    rule = Standards.read(Path(found.standards)).rule
    records, arrays = ([Path(path) for path in files] for files in (found.records, found.candidates))
    candidates = Candidates.read(records, arrays, rule=rule)
    chosen, images, masks = read_table(found.masks, mask="string"), open_array(found.images), open_array(found.shown)
    rows = shown_candidates(candidates, chosen, images, masks, rows=6, columns=6)
    title = f"Candidates of {snakemake.wildcards.synthesis} with their mean overlap"
    candidates_figure(rows, snakemake.output[0], structures=rule.structures, title=title)
