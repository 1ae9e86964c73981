"""Estimate hours, memory and disk of a study from its configuration alone."""

import torch

from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.recipes import ModelRecipe
from mrisynth.training.device import prepare_device
from mrisynth.training.estimate import StudySize, estimate_study

with running(snakemake):
    torch.set_num_threads(snakemake.threads)
    models = [ModelRecipe(**recipe) for recipe in snakemake.params.models]
    table = estimate_study(models, StudySize(**snakemake.params.study), device=prepare_device())
    write_table(table, snakemake.output[0])
