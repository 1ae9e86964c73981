"""Write the page that compares all models, and its tables and figures for a paper."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.redistribution import Redistribution
from mrisynth.reporting.comparison_page import write_comparison_page
from mrisynth.reporting.exports import write_figures, write_tables
from mrisynth.reporting.results import read_results

with running(snakemake):
    results = read_results(**dict(snakemake.input.items()))
    params, output = snakemake.params, snakemake.output
    write_comparison_page(
        output.page,
        results,
        title=params.title,
        models=params.models,
        export_words=Redistribution(**params.terms).words,
    )
    write_tables(Path(output.tables), results, models=params.models)
    write_figures(Path(output.figures), results, models=params.models, replicates=params.replicates)
