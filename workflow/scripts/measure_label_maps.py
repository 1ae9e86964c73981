"""Measure the label maps of the real scans that passed."""

from mrisynth.files import read_table, write_table
from mrisynth.joblog import logged
from mrisynth.label_map_stage import measure_label_maps

with logged(snakemake.log[0]):
    quality = read_table(snakemake.input.quality)
    passed = quality.loc[quality["status"] == "passed", "scan"].tolist()
    table = measure_label_maps(passed, snakemake.params.label_maps, snakemake.params.preprocessed)
    write_table(table, snakemake.output[0])
