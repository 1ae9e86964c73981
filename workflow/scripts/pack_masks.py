"""Pack the masks under the packed scans or slices of one size."""

from pathlib import Path

from mrisynth.files import read_table, write_json, write_table
from mrisynth.joblog import running
from mrisynth.mask_stage import masks_of_maps, pack_masks
from mrisynth.region_covariates import RegionPlan
from mrisynth.slices.positions import cuts_of, wishes_of
from mrisynth.tissue_mask_stage import TissueMasks
from mrisynth.unannotated_domain import unannotated

with running(snakemake):
    found, params, size = snakemake.input, snakemake.params, int(snakemake.wildcards.size)
    scans, classes, cuts = read_table(found.scans), params.masks["classes"], None
    cube = {"size": params.cut_size, "field_mm": params.field_mm}
    if snakemake.wildcards.packed == "slices":
        cuts = cuts_of(wishes_of(params.positions), **cube)
    if params.masks["from"] == "tissue":
        masks = TissueMasks(found.tissues, found.told, classes=classes, size=params.cut_size if cuts else size)
    else:
        regions, plan = read_table(found.regions[0]), RegionPlan(**params.plan)
        about = {"cohort": params.cohort, "preprocessed": params.preprocessed, "classes": classes}
        masks = masks_of_maps(scans, regions, plan, **about, **cube)
    table = pack_masks(
        read_table(found.index).dropna(subset="row"),
        masks,
        cuts=cuts,
        size=size,
        hidden=unannotated(scans, params.masks["unannotated"]),
        known=Path(snakemake.output.known),
        shown=Path(snakemake.output.shown),
    )
    write_table(table, snakemake.output.table)
    write_json({"classes": list(classes)}, snakemake.output.facts)
