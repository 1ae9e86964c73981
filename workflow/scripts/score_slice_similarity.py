"""Score the similarity of a model's slices."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.metrics.slice_similarity import named_by_class, score_slice_similarity
from mrisynth.reporting.similarity_figure import similarity_figure
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
    similarity = score_slice_similarity(
        sets.of("test"),
        sets.fake,
        classes=sets.classes,
        model=model,
        seed=params.seed,
        pairs=params.pairs,
        replicates=params.replicates,
    )
    if params.only:
        similarity = named_by_class(similarity, params.only)
    similarity_figure(similarity, snakemake.output.picture, title=f"Samples of {model} and real test slices")
    write_table(similarity.summary, snakemake.output.summary)
    write_table(similarity.scored.table, snakemake.output.table)
