"""Score what a model's autoencoder gives back."""

from pathlib import Path

from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.metrics.reconstruction import score_reconstruction
from mrisynth.reconstruction_study import keep_shown, reconstruct, split_images
from mrisynth.sampling import Sampler
from mrisynth.training.device import prepare_device

with running(snakemake):
    found, params, model = snakemake.input, snakemake.params, snakemake.wildcards.model
    sampler = Sampler.load(Path(found.recipe).parent, device=prepare_device())
    size, is_volume = sampler.recipe.size, sampler.recipe.dimensions == 3
    images, chosen = split_images(
        Path(found.index).parent,
        size=size,
        scans=read_table(found.scans),
        is_volume=is_volume,
        most=params.most,
        seed=params.seed,
    )
    measured, made = reconstruct(sampler, images, chosen)
    keep_shown(measured, images, chosen, made, Path(snakemake.output.shown))
    write_table(measured, snakemake.output.images)
    view = str(size) if is_volume else f"slice {size}"
    write_table(score_reconstruction(measured, model=model, view=view, seed=params.seed), snakemake.output.table)
