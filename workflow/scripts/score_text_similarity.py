"""Score how alike a model's samples are to their prompts and to real images of such prompts."""

from pathlib import Path

from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.text_similarity_study import SimilarityFiles, text_similarity
from mrisynth.training.device import prepare_device

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    folder, required = params.biomedclip
    files = SimilarityFiles(
        recipe=Path(found.recipe),
        condition=Path(found.condition),
        splits=Path(found.splits),
        real=Path(found.embeddings[0]),
        samples=Path(found.embeddings[1]),
        drawn=Path(found.drawn),
        shards=[Path(path) for path in found.shards],
        index=Path(found.index),
        biomedclip=None if folder is None else Path(folder),
        required=required,
    )
    scores, summary = text_similarity(files, device=prepare_device(), seed=params.seed, replicates=params.replicates)
    write_table(summary, snakemake.output.summary)
    write_table(scores, snakemake.output.table)
