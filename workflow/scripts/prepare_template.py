"""Write the template brain and its mask at the working voxel size."""

from mrisynth.imaging.template import load_template
from mrisynth.imaging.volume import write_volume
from mrisynth.joblog import logged

with logged(snakemake.log[0]):
    template = load_template(snakemake.params.template, voxel_mm=snakemake.params.voxel_mm)
    write_volume(template.image, snakemake.output.brain)
    write_volume(template.mask, snakemake.output.mask)
