"""Segment the test scans with the network of an arm."""

from pathlib import Path

from mrisynth.imaging.device import usable_device
from mrisynth.joblog import running
from mrisynth.segmentation.arms import dataset_of
from mrisynth.segmentation.nnunet_run import Settings, predict

with running(snakemake):
    made = Path(snakemake.output[0])
    predict(
        dataset_of(snakemake.wildcards.arm, made.parent),
        Settings(**snakemake.params.settings, device=usable_device("auto"), threads=snakemake.threads),
        images=Path(snakemake.input.test) / "imagesTs",
        output=made,
        log=Path(snakemake.log.nnunet),
    )
