"""Train one chunk of a model."""

from pathlib import Path

from mrisynth.datasets import load_training_set
from mrisynth.joblog import logged
from mrisynth.recipes import ModelRecipe
from mrisynth.training.chunk import train_chunk
from mrisynth.training.device import choose_device, plan_training

with logged(snakemake.log[0]):
    recipe = ModelRecipe(**snakemake.params.recipe)
    data = load_training_set(
        Path(snakemake.input.index).parent,
        size=recipe.size,
        scans=snakemake.input.scans,
        condition=snakemake.input.condition,
    )
    if not snakemake.input.previous:
        # asked of the configuration and not of the params, which would train again after a change of mind
        allow_cpu = str(snakemake.config["models"][recipe.name].get("allow_cpu")).lower() == "true"
        plan_training(recipe, classes=len(data.condition.classes), allow_cpu=allow_cpu)
    train_chunk(
        recipe,
        images=data.images,
        rows=data.rows,
        labels=data.labels,
        classes=data.condition.classes,
        previous=Path(str(snakemake.input.previous)) if snakemake.input.previous else None,
        state=Path(snakemake.output.state),
        curve=Path(snakemake.output.curve),
        chunk=int(snakemake.wildcards.chunk),
        seed=snakemake.params.seed,
        device=choose_device(),
        threads=snakemake.threads,
    )
