"""Let the critic of a model name the class of every real slice."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.slice_classifier import SliceClassifier, classify_real_slices
from mrisynth.training.device import prepare_device

with running(snakemake):
    found = snakemake.input
    classify_real_slices(
        SliceClassifier.load(Path(found.recipe).parent, device=prepare_device()),
        slices=Path(found.index).parent,
        condition=Path(found.condition),
        predictions=Path(snakemake.output[0]),
    )
