"""Score the area of a structure in a model's slices."""

from pathlib import Path

from mrisynth.arrays import open_array
from mrisynth.conditions import read_condition
from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.metrics.slice_area_scores import score_slice_areas
from mrisynth.reporting.areas_figure import areas_figure
from mrisynth.slice_study import SliceSets

with running(snakemake):
    found, params, model = snakemake.input, snakemake.params, snakemake.wildcards.model
    sets = SliceSets.read(
        Path(found.index).parent,
        size=params.size,
        condition=read_condition(Path(found.condition)),
        shards=[Path(path) for path in found.shards],
        samples=Path(found.samples),
        only=params.only,
    )
    areas = score_slice_areas(
        sets.of("test"),
        sets.fake,
        open_array(Path(found.region)).mean(axis=0),
        classes=sets.classes,
        pixel_mm=params.field_mm / params.size,
        model=model,
        seed=params.seed,
        replicates=params.replicates,
    )
    areas_figure(areas, snakemake.output.picture, title=f"Area of the structure in samples of {model}")
    write_table(areas.summary, snakemake.output.summary)
    write_table(areas.scored.table, snakemake.output.table)
