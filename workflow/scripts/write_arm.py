"""Write what an arm is trained on."""

from pathlib import Path

from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.segmentation.arms import Synthesis, structures_of, write_arm
from mrisynth.segmentation.packed_cases import PackedCases
from mrisynth.unannotated_domain import unannotated

with running(snakemake):
    found, asked = snakemake.input, snakemake.params.asked
    files = {name: Path(found[name]) for name in ("index", "scans", "masks", "facts")}
    grid = {name: asked[name] for name in ("field_mm", "cut_size")}
    packed = PackedCases.read(Path(found.images), **files, **grid)
    made = Synthesis.read(Path(found.made), Path(found.made_for), Path(found.kept)) if found.made else None
    write_arm(
        snakemake.wildcards.arm,
        Path(snakemake.output[0]).parent,
        packed,
        structures=structures_of(asked["numbers"], classes=asked["classes"]),
        synthesis=made,
        seed=snakemake.params.seed,
        domain=unannotated(read_table(files["scans"]), asked["unannotated"]),
    )
