"""Map where a structure lies in the slices of a study."""

from pathlib import Path

from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.slice_region_stage import maps_of_scans, region_positions, region_probability, training_scans
from mrisynth.slices.positions import cuts_of, wishes_of
from mrisynth.slices.region_maps import write_region

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    scans = training_scans(read_table(found.scans), read_table(found.quality), seed=params.seed)
    maps = maps_of_scans(scans, [Path(folder) for folder in found.label_maps], own=params.own)
    preprocessed = Path(found.bundles[0]).parent
    probability, count = region_probability(
        maps, preprocessed, labels=params.labels, size=params.volume_size, field_mm=params.field_mm
    )
    cuts = cuts_of(
        wishes_of(params.positions, key="slices.positions"), size=params.volume_size, field_mm=params.field_mm
    )
    table = region_positions(probability, cuts, field_mm=params.field_mm, labels=params.labels, scans=count)
    for size, path in zip(params.sizes, snakemake.output.arrays, strict=True):
        write_region(probability, cuts, path, size=size)
    write_table(table, snakemake.output.table)
