"""Register the extracted brains of one bundle to the template."""

from pathlib import Path

from mrisynth.files import write_table
from mrisynth.imaging.recipes import RegistrationRecipe
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.template import load_template
from mrisynth.joblog import running

with running(snakemake) as record:
    params = snakemake.params
    settings = dict(params.preprocessing)
    keep_intermediate = settings.pop("keep_intermediate")
    table = register_bundle(
        {scan: Path(path) for scan, path in params.scans.items()},
        Path(snakemake.input.extraction).parent,
        Path(snakemake.output.table).parent,
        template=load_template(snakemake.input.brain, mask_path=snakemake.input.mask, head_path=snakemake.input.head),
        recipe=RegistrationRecipe(already_extracted=params.already_extracted, seed=params.seed, **settings),
        keep_intermediate=keep_intermediate,
    )
    write_table(table, snakemake.output.table)
    record.also(Path(snakemake.output.table).parent / scan for scan in params.scans)
