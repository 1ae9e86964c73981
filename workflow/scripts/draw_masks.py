"""Draw some packed scans or slices with their masks."""

from mrisynth.arrays import open_array
from mrisynth.files import read_json, read_table
from mrisynth.joblog import running
from mrisynth.mask_pictures import masked_sections
from mrisynth.reporting.masks_figure import masks_figure

with running(snakemake):
    found, wildcards = snakemake.input, snakemake.wildcards
    classes = read_json(found.facts)["classes"]
    table = read_table(found.table, reason="string", numbering="string").fillna({"reason": ""})
    sections = masked_sections(
        read_table(found.index).dropna(subset="row"),
        table,
        read_table(found.scans).set_index("scan")["split"],
        images=open_array(found.images),
        masks=open_array(found.known),
    )
    what = "Scans" if wildcards.packed == "pyramid" else "Slices"
    masks_figure(sections, snakemake.output[0], classes=classes, title=f"{what} of {wildcards.size} with their masks")
