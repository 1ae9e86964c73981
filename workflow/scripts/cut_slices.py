"""Cut and pack the slices of all scans."""

from pathlib import Path

from mrisynth.cohorts.split_matching import read_matched
from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.slices.positions import wishes_of
from mrisynth.slices.volumes import pack_volumes
from mrisynth.store import open_pyramid

with running(snakemake):
    params = snakemake.params
    pack_volumes(
        open_pyramid(Path(snakemake.input.index).parent, params.volume_size),
        Path(snakemake.output.index).parent,
        wishes=wishes_of(params.positions, key="slices.positions"),
        sizes=params.sizes,
        scans=read_table(snakemake.input.scans),
        participants=read_matched(snakemake.input.matched) if snakemake.input.matched else None,
        field_mm=params.field_mm,
    )
