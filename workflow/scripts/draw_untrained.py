"""Draw samples of a model's generator before training."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.recipes import ModelRecipe
from mrisynth.training.device import prepare_device
from mrisynth.untrained import draw_untrained

with running(snakemake):
    draw_untrained(
        ModelRecipe(**snakemake.params.model),
        trained=Path(snakemake.input.recipe),
        count=snakemake.params.samples,
        seed=snakemake.params.seed,
        device=prepare_device(),
        path=Path(snakemake.output[0]),
    )
