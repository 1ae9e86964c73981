"""Register the extracted brains of one bundle to the template."""

from pathlib import Path

from mrisynth.files import write_table
from mrisynth.imaging.quality import Thresholds
from mrisynth.imaging.stages import RegistrationRecipe, register_bundle
from mrisynth.imaging.template import load_template
from mrisynth.joblog import logged

with logged(snakemake.log[0]):
    settings = dict(snakemake.params.preprocessing)
    thresholds = Thresholds(**settings.pop("thresholds"))
    table = register_bundle(
        snakemake.params.scans,
        Path(snakemake.input.extraction).parent,
        Path(snakemake.output.table).parent,
        template=load_template(snakemake.input.brain, mask_path=snakemake.input.mask),
        recipe=RegistrationRecipe(thresholds=thresholds, seed=snakemake.params.seed, **settings),
    )
    write_table(table, snakemake.output.table)
