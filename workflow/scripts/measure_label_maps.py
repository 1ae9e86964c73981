"""Measure the label maps of the real scans that passed."""

from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.label_map_stage import measure_label_maps

with running(snakemake):
    quality = read_table(snakemake.input.quality)
    passed = quality.loc[quality["status"] == "passed", "scan"].tolist()
    table = measure_label_maps(passed, snakemake.params.label_maps, snakemake.params.preprocessed)
    write_table(table, snakemake.output[0])
