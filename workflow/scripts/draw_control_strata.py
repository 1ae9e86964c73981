"""Draw the strata prediction scores of all models as one heat map."""

from pathlib import Path

import pandas as pd

from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.reporting.strata_heatmap import strata_heatmap

with running(snakemake):
    models, title = snakemake.params.models, snakemake.params.title
    tables = [read_table(path).assign(model=model) for model, path in zip(models, snakemake.input, strict=True)]
    table = pd.concat(tables, ignore_index=True).assign(dataset="test slices")
    strata_heatmap(table, Path(snakemake.output[0]), models=models, title=f"Strata prediction score: {title}")
