"""Judge all scans against the limits of the study."""

from mrisynth.files import write_table
from mrisynth.imaging.limits import table_of
from mrisynth.imaging.verdicts import counts_table, summarise
from mrisynth.joblog import running

with running(snakemake):
    verdicts, limits = summarise(
        snakemake.input.tables,
        exclusions=snakemake.input.exclusions or None,
        configured=snakemake.params.configured,
        learn=snakemake.params.learn,
        transform=snakemake.params.transform,
    )
    write_table(table_of(limits), snakemake.output.limits)
    write_table(counts_table(verdicts), snakemake.output.exclusions)
    write_table(verdicts, snakemake.output.verdicts)
