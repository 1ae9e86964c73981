"""Draw the scores of the arms and their contours."""

from pathlib import Path

from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.reporting.segmentation_figure import predictions_figure, segmentation_figure
from mrisynth.segmentation.shown import shown_predictions

with running(snakemake):
    found, params, made = snakemake.input, snakemake.params, snakemake.output
    folders = dict(zip(params.words, map(Path, found.predictions), strict=True))
    segmentation_figure(
        read_table(found.arms), made.figure, words=params.words, title=f"What each arm finds in {params.domain}"
    )
    shown, structures = shown_predictions(
        read_table(found.cases, volume="string"), folders, Path(found.test), count=params.shown
    )
    predictions_figure(shown, structures, made.picture, title=f"Contours in {params.domain}; Dice of the volume below")
