"""Measure the region covariates of the real scans that passed, by label maps or by tissues."""

from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.region_covariate_stage import covariates_of_maps, covariates_of_tissues
from mrisynth.region_covariates import RegionPlan

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    plan = RegionPlan(**params.plan)
    if plan.origin == "tissue":
        table = covariates_of_tissues(read_table(found.regions[0]))
    else:
        scans, quality = read_table(found.scans), read_table(found.quality)
        passed = set(quality.loc[quality["status"] == "passed", "scan"])
        mine = scans[scans["scan"].isin(passed)]
        table = covariates_of_maps(mine, plan, params.preprocessed, cohort=params.cohort)
    write_table(table, snakemake.output[0])
