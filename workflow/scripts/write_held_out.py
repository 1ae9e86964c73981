"""Write the scans that arms are tested on."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.segmentation.arms import structures_of, write_held_out
from mrisynth.segmentation.packed_cases import PackedCases

with running(snakemake):
    found, asked = snakemake.input, snakemake.params.asked
    files = {name: Path(found[name]) for name in ("index", "scans", "masks", "facts")}
    grid = {name: asked[name] for name in ("field_mm", "cut_size")}
    packed = PackedCases.read(Path(found.images), **files, **grid)
    write_held_out(
        Path(snakemake.output[0]),
        packed,
        structures=structures_of(asked["numbers"], classes=asked["classes"]),
        domain=snakemake.params.domain,
    )
