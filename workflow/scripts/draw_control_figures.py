"""Draw the figures of the samples that a model of covariates draws on request."""

from pathlib import Path

from mrisynth.control_view_files import load_views
from mrisynth.joblog import running
from mrisynth.reporting.control_views_figures import grid_figure, heads_figure

with running(snakemake):
    views, model = load_views(Path(snakemake.input[0])), snakemake.wildcards.model
    grid_figure(views, Path(snakemake.output.grid), model=model)
    heads_figure(views, Path(snakemake.output.extremes), model=model)
