"""Write the first of a model's samples as NIfTI."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.sampling_export import write_nifti

with running(snakemake):
    write_nifti(
        list(map(Path, snakemake.input.volumes)),
        list(map(Path, snakemake.input.tables)),
        recipe=Path(snakemake.input.recipe),
        folder=Path(snakemake.output[0]),
        count=snakemake.params.nifti,
    )
