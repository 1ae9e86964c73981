"""Encode and reconstruct every scan, and find directions among the latents."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.latent_study import LatentFiles, latent_study
from mrisynth.latents import LatentSpace
from mrisynth.store import open_pyramid
from mrisynth.training.device import prepare_device

with running(snakemake):
    space = LatentSpace.load(Path(snakemake.input.recipe).parent, device=prepare_device())
    names = ("latents", "reconstructions", "directions", "units", "volumes")
    latent_study(
        space,
        pyramid=open_pyramid(Path(snakemake.input.index).parent, space.sampler.recipe.size),
        scans=read_table(snakemake.input.scans),
        condition=read_condition(Path(snakemake.input.condition)),
        files=LatentFiles(**{name: Path(snakemake.output[name]) for name in names}),
        seed=snakemake.params.seed,
    )
