"""Measure the region volumes of samples or controls."""

from pathlib import Path

from mrisynth.arrays import open_array
from mrisynth.files import read_json, write_table
from mrisynth.imaging.tissue import Contrast
from mrisynth.joblog import running
from mrisynth.region_atlas import load_atlas
from mrisynth.region_stage import measure_regions

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    contrast = Contrast(**read_json(found.contrast))
    model = snakemake.wildcards.get("model")
    if model:
        sets = [(f"{model}-samples", found.samples), (f"{model}-untrained", [found.untrained])]
    else:
        sets = [(Path(path).stem, [path]) for path in found.controls]
    atlas = None
    for (name, paths), output in zip(sets, snakemake.output, strict=True):
        volumes = [volume for path in paths for volume in open_array(path)]
        atlas = atlas or load_atlas(len(volumes[0]), field_mm=params.field_mm)
        ids = [f"{name}-{row:06d}" for row in range(len(volumes))]
        table = measure_regions(volumes, ids, atlas=atlas, contrast=contrast, what=f"regions of {name}")
        write_table(table, output)
