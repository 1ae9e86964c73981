"""Map where in slices the structures of covariates lie."""

from pathlib import Path

from mrisynth.control_regions import control_regions, save_regions
from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.region_covariates import RegionPlan
from mrisynth.slices.positions import cuts_of, wishes_of

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    wishes = wishes_of(params.positions, key="slices.positions")
    maps = control_regions(
        params.covariates,
        scans=read_table(found.scans),
        quality=read_table(found.quality),
        regions=read_table(found.regions[0]),
        plan=RegionPlan(**params.plan),
        preprocessed=Path(found.bundles[0]).parent,
        cohort=params.cohort,
        cuts=cuts_of(wishes, size=params.volume_size, field_mm=params.field_mm),
        volume_size=params.volume_size,
        sizes=params.sizes,
        field_mm=params.field_mm,
        seed=params.seed,
    )
    for size, path in zip(params.sizes, snakemake.output, strict=True):
        save_regions(maps[size], Path(path))
