"""Train the segmenter of the filter."""

from pathlib import Path

from mrisynth.files import read_table
from mrisynth.filtering.segmenter_training import SegmenterSettings, train_segmenter
from mrisynth.joblog import running
from mrisynth.synthesis.annotated import ShownImages
from mrisynth.training.device import prepare_device

with running(snakemake):
    found, params, words = snakemake.input, snakemake.params, snakemake.wildcards
    shown = ShownImages.open(
        Path(found.index).parent,
        Path(found.shown),
        size=int(words.size),
        scans=read_table(found.scans),
        dimensions=3 if words.packed == "pyramid" else 2,
        structures=params.structures,
    )
    segmenter = train_segmenter(
        shown.for_segmenter(),
        shown.structures,
        seed=params.seed,
        settings=SegmenterSettings(**params.settings),
        device=prepare_device(),
    )
    segmenter.save(Path(snakemake.output.weights).parent)
