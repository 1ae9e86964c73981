"""Extract the brains of one bundle of head scans."""

from pathlib import Path

from mrisynth.files import write_table
from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.recipes import ExtractionRecipe
from mrisynth.joblog import running

with running(snakemake) as record:
    settings = dict(snakemake.params.extraction)
    for key in ("weights", "head_template"):
        settings[key] = str(snakemake.input[key]) if snakemake.input[key] else None
    table = extract_bundle(
        {scan: Path(path) for scan, path in snakemake.params.scans.items()},
        Path(snakemake.output.table).parent,
        recipe=ExtractionRecipe(voxel_mm=snakemake.params.voxel_mm, seed=snakemake.params.seed, **settings),
        device="auto",
        keep_intermediate=snakemake.params.keep_intermediate,
    )
    write_table(table, snakemake.output.table)
    record.also(Path(snakemake.output.table).parent / scan for scan in snakemake.params.scans)
