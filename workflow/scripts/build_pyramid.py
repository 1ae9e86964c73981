"""Pack the brains that passed at every size."""

from pathlib import Path

from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.store import build_pyramid

with running(snakemake):
    quality = read_table(snakemake.input.quality)
    preprocessed = Path(snakemake.input.bundles[0]).parent
    build_pyramid(
        {scan: preprocessed / scan / "T1w_brain.nii.gz" for scan in quality.loc[quality["status"] == "passed", "scan"]},
        Path(snakemake.output.index).parent,
        sizes=snakemake.params.sizes,
    )
