"""Extract the brains of one bundle of head scans."""

from pathlib import Path

from mrisynth.files import write_table
from mrisynth.imaging.quality import Thresholds
from mrisynth.imaging.stages import ExtractionRecipe, extract_bundle
from mrisynth.joblog import logged
from mrisynth.training.device import choose_device

with logged(snakemake.log[0]):
    settings = dict(snakemake.params.extraction)
    settings["weights"] = str(snakemake.input.weights) if snakemake.input.weights else None
    table = extract_bundle(
        {scan: Path(path) for scan, path in snakemake.params.scans.items()},
        Path(snakemake.output.table).parent,
        recipe=ExtractionRecipe(
            voxel_mm=snakemake.params.voxel_mm,
            thresholds=Thresholds(**snakemake.params.thresholds),
            seed=snakemake.params.seed,
            **settings,
        ),
        device=choose_device(),
    )
    write_table(table, snakemake.output.table)
