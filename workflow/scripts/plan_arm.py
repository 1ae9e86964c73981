"""Let nnU-Net plan and prepare an arm."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.segmentation.arms import dataset_of
from mrisynth.segmentation.nnunet_run import Settings, plan_and_preprocess

with running(snakemake):
    dataset = dataset_of(snakemake.wildcards.arm, Path(snakemake.output[0]).parent)
    plan_and_preprocess(dataset, Settings(**snakemake.params.settings), log=Path(snakemake.log.nnunet))
