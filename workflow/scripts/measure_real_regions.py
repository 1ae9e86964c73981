"""Measure the region volumes of the real scans of one size."""

from dataclasses import asdict
from pathlib import Path

from mrisynth.files import read_table, write_json, write_table
from mrisynth.joblog import running
from mrisynth.region_atlas import load_atlas
from mrisynth.region_stage import cohort_contrast, measure_regions
from mrisynth.store import open_pyramid

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    packed = open_pyramid(Path(found.index).parent, int(snakemake.wildcards.size))
    scans = read_table(found.scans)
    atlas = load_atlas(packed.size, field_mm=params.field_mm)
    training = scans.loc[scans["split"] == "train", "scan"]
    contrast = cohort_contrast(packed, training, atlas=atlas, seed=params.seed)
    table = measure_regions(packed.images, packed.scans, atlas=atlas, contrast=contrast, what="regions of real scans")
    write_json(asdict(contrast), snakemake.output.contrast)
    write_table(table, snakemake.output.table)
