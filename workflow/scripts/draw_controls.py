"""Draw the controls of a model: samples of its generator untrained, and noise."""

from pathlib import Path

from mrisynth.controls import draw_controls
from mrisynth.joblog import logged
from mrisynth.recipes import ModelRecipe
from mrisynth.training.device import choose_device

with logged(snakemake.log[0]):
    draw_controls(
        ModelRecipe(**snakemake.params.model),
        trained=Path(snakemake.input.recipe),
        count=snakemake.params.samples,
        seed=snakemake.params.seed,
        device=choose_device(),
        untrained_path=Path(snakemake.output.untrained),
        noise_path=Path(snakemake.output.noise),
    )
