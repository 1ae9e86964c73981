"""Accept the verdicts, or stop the study when too many scans are excluded."""

from mrisynth.files import read_table, write_table
from mrisynth.imaging.verdicts import check_excluded_fraction
from mrisynth.joblog import running

with running(snakemake):
    page = snakemake.input.get("page")
    verdicts = read_table(snakemake.input.verdicts, **dict.fromkeys(("status", "reason", "message"), "string"))
    check_excluded_fraction(
        verdicts,
        snakemake.params.max_excluded_fraction,
        where=f"{snakemake.input.verdicts}; {page} shows them" if page else snakemake.input.verdicts,
        what=snakemake.params.get("what", "scans"),
    )
    write_table(verdicts, snakemake.output[0])
