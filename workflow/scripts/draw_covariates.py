"""Draw the region covariates of the real scans, and sum them up."""

from mrisynth.covariate_tables import covariate_table, covariates_in, summarised
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.reporting.covariates_figure import covariates_figure

with running(snakemake):
    regions = read_table(snakemake.input.regions)
    scans = read_table(snakemake.input.scans)
    table = covariate_table(scans[scans["scan"].isin(regions["scan"])], regions)
    covariates_figure(table, snakemake.output.picture, title=f"Region covariates of {len(table)} scans")
    write_table(summarised(table, covariates_in(table)), snakemake.output.summary)
