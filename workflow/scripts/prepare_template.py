"""Write the template brain, its mask and its head (the brain again where it has none) at the working voxel size."""

from mrisynth.imaging.template import load_template
from mrisynth.imaging.volume import write_volume
from mrisynth.joblog import running

with running(snakemake):
    template = load_template(snakemake.params.template, voxel_mm=snakemake.params.voxel_mm)
    write_volume(template.image, snakemake.output.brain)
    write_volume(template.mask, snakemake.output.mask)
    write_volume(template.head or template.image, snakemake.output.head)
