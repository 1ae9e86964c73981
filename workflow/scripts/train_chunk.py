"""Train one chunk of a model."""

from dataclasses import fields
from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.joblog import running
from mrisynth.recipes import ModelRecipe
from mrisynth.training.device import plan_training
from mrisynth.training.export import RECIPE
from mrisynth.training_job import TrainingJob

with running(snakemake):
    found, where = snakemake.input, snakemake.resources
    known = {field.name: field.default for field in fields(ModelRecipe) if field.name in dict(where.items())}
    run = {name: type(default)(where[name]) for name, default in known.items()}
    recipe = snakemake.params.recipe | run
    if not found.previous:
        classes = [] if recipe.get("only") else read_condition(Path(found.condition)).classes
        whole = ModelRecipe(**recipe | {"images_total": where.images_planned})
        plan_training(whole, classes=len(classes), allow_cpu=whole.allow_cpu, threads=snakemake.threads)
    TrainingJob(
        recipe=recipe,
        pyramid=str(Path(found.index).parent),
        scans=found.scans,
        condition=found.condition,
        previous=str(found.previous) or None,
        start=str(found.start) or None,
        state=snakemake.output.state,
        curve=snakemake.output.curve,
        candidate=snakemake.output.candidate,
        watch=snakemake.output.watch,
        chunk=int(snakemake.wildcards.chunk),
        **{key: snakemake.params[key] for key in ("seed", "field_mm")},
        threads=snakemake.threads,
        images_planned=where.images_planned,
        masks=str(found.masks) or None,
        mask_facts=str(found.mask_facts) or None,
        lengths=str(Path(str(found.lengths), RECIPE)) if found.lengths else None,
    ).run()
