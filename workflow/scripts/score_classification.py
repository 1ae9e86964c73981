"""Score what the critic of a model said of the real test slices."""

from pathlib import Path

from mrisynth.classification_study import score_predictions
from mrisynth.files import write_table
from mrisynth.joblog import running

with running(snakemake):
    scores, confusion = score_predictions(
        Path(snakemake.input.predictions),
        recipe=Path(snakemake.input.recipe),
        picture=Path(snakemake.output.picture),
        calibration=Path(snakemake.output.calibration),
        seed=snakemake.params.seed,
    )
    write_table(confusion, snakemake.output.confusion)
    write_table(scores, snakemake.output.table)
