"""Tell the tissues of the packed scans of a bundle apart."""

from pathlib import Path

from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.region_atlas import load_atlas
from mrisynth.store import open_pyramid
from mrisynth.tissue_mask_stage import segment_scans

with running(snakemake):
    params, index = snakemake.params, read_table(snakemake.input.index)
    packed = open_pyramid(Path(snakemake.input.index).parent, params.size)
    mine = index[index["scan"].isin(params.scans)].set_index("scan")[f"sha256_{params.size}"]
    atlas = load_atlas(packed.size, field_mm=params.field_mm)
    table = segment_scans(packed, mine.to_dict(), snakemake.output.maps, atlas=atlas, seed=params.seed)
    write_table(table, snakemake.output.table)
