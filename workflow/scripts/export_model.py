"""Write the trained generator as safetensors and its recipe as JSON."""

from pathlib import Path

from mrisynth.datasets import load_training_set
from mrisynth.imaging.grid import grid_affine
from mrisynth.joblog import logged
from mrisynth.recipes import ModelRecipe
from mrisynth.training.export import export_model

with logged(snakemake.log[0]):
    recipe, field_mm = ModelRecipe(**snakemake.params.recipe), snakemake.params.field_mm
    data = load_training_set(
        Path(snakemake.input.index).parent,
        size=recipe.size,
        scans=snakemake.input.scans,
        condition=snakemake.input.condition,
    )
    export_model(
        Path(snakemake.input.state),
        recipe,
        classes=data.condition.classes,
        columns=data.condition.columns,
        label_counts=data.label_counts,
        affine=grid_affine(recipe.size, field_mm=field_mm).tolist(),
        field_mm=field_mm,
        folder=Path(snakemake.output.weights).parent,
        seed=snakemake.params.seed,
        extra={"training_scans": len(data.rows)},
    )
