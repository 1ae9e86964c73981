"""Estimate how long a model trains on this device, and stop when that is hopeless."""

from mrisynth.files import write_json
from mrisynth.joblog import running
from mrisynth.recipes import ModelRecipe
from mrisynth.training.device import plan_training

with running(snakemake):
    recipe = ModelRecipe(**snakemake.params.recipe)
    plan = plan_training(recipe, classes=2, allow_cpu=recipe.allow_cpu, threads=snakemake.params.threads)
    write_json(plan, snakemake.output[0])
