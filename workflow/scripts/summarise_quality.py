"""Gather the verdicts on all scans; stop the study when too many are excluded."""

from mrisynth.files import write_table
from mrisynth.imaging.verdicts import check_excluded_fraction, summarise
from mrisynth.joblog import logged

with logged(snakemake.log[0]):
    quality = summarise(snakemake.input.tables, exclusions=snakemake.input.exclusions or None)
    write_table(quality, snakemake.output[0])
    check_excluded_fraction(quality, snakemake.params.max_excluded_fraction, table=snakemake.output[0])
