"""List a model's samples and write the first ones as NIfTI."""

from pathlib import Path

from mrisynth.joblog import logged
from mrisynth.sampling_export import collect_shards

with logged(snakemake.log[0]):
    collect_shards(
        [Path(path) for path in snakemake.input.volumes],
        [Path(path) for path in snakemake.input.tables],
        recipe=Path(snakemake.input.recipe),
        table_path=Path(snakemake.output.table),
        nifti_folder=Path(snakemake.output.nifti),
        nifti=snakemake.params.nifti,
    )
