"""Score how well the classes of a model are told apart in real slices and in its samples."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.embeddings import read_embeddings
from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.reporting.separability_figure import separability_figure
from mrisynth.slice_study import SliceSets, separability_of_model

with running(snakemake):
    found, params, model = snakemake.input, snakemake.params, snakemake.wildcards.model
    condition = read_condition(Path(found.condition))
    sets = SliceSets.read(
        Path(found.index).parent,
        size=params.size,
        condition=condition,
        shards=[Path(path) for path in found.shards],
        samples=Path(found.samples),
    )
    scores, spaces = separability_of_model(
        sets, read_embeddings(found.embeddings), model=model, column=condition.name, seed=params.seed
    )
    title = f"{condition.name}: real slices and samples of {model}"
    separability_figure(spaces, snakemake.output.picture, classes=sets.classes, title=title)
    write_table(scores, snakemake.output.table)
