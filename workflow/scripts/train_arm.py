"""Train the network of an arm."""

from pathlib import Path

from mrisynth.files import write_json
from mrisynth.imaging.device import usable_device
from mrisynth.joblog import running
from mrisynth.segmentation.arms import dataset_of
from mrisynth.segmentation.network import train_network
from mrisynth.segmentation.nnunet_run import Settings

with running(snakemake):
    made, workers = Path(snakemake.output[0]), snakemake.resources.workers
    settings = Settings(
        **snakemake.params.settings,
        device=usable_device("auto"),
        threads=max(1, snakemake.threads - workers),
        workers=workers,
    )
    dataset = dataset_of(snakemake.wildcards.arm, made.parent)
    write_json(train_network(dataset, settings, log=Path(snakemake.log.nnunet)), made)
