"""Draw samples of a model over two covariates and at both ends of each, as arrays."""

from pathlib import Path

from mrisynth.control_views import draw_views
from mrisynth.joblog import running
from mrisynth.sampling import Sampler
from mrisynth.training.device import prepare_device

with running(snakemake):
    sampler = Sampler.load(Path(snakemake.input.recipe).parent, device=prepare_device())
    views = draw_views(sampler, grid=snakemake.params.grid, seed=snakemake.params.seed)
    views.save(Path(snakemake.output[0]))
