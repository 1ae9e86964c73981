"""Write the first of a model's samples as NIfTI; of slices as PNG, too."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.sampling_export import write_nifti, write_slices

with running(snakemake):
    arrays, tables = ([Path(path) for path in snakemake.input[name]] for name in ("volumes", "tables"))
    folder, count = Path(snakemake.output[0]), snakemake.params.nifti
    if snakemake.params.dimensions == 2:
        write_slices(arrays, tables, folder=folder, count=count)
    else:
        write_nifti(arrays, tables, recipe=Path(snakemake.input.recipe), folder=folder, count=count)
