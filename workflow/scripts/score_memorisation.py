"""Seek signs that a model remembers its training scans."""

from pathlib import Path

from mrisynth.arrays import open_array
from mrisynth.embeddings import read_embeddings
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.memorisation_study import study_memorisation
from mrisynth.reporting.suspects import most_suspicious, suspects_figure
from mrisynth.store import open_pyramid

with running(snakemake):
    model, params = snakemake.wildcards.model, snakemake.params
    settings = params.evaluation["memorisation"]
    pyramid = open_pyramid(Path(snakemake.input.real).parent, params.size)
    samples = [open_array(path) for path in snakemake.input.samples]
    study = study_memorisation(
        read_embeddings(snakemake.input.embeddings),
        pyramid,
        samples,
        model=model,
        scans=read_table(snakemake.input.scans),
        field_mm=params.field_mm,
        seed=params.seed,
        permutations=settings["exchanges"],
        planted=settings["planted"],
        replicates=params.evaluation["resamplings"],
        draws=params.evaluation["floor_draws"],
    )
    shown = most_suspicious(study.suspects, samples, pyramid, count=settings["shown"])
    suspects_figure(shown, snakemake.output.picture, model=model)
    write_table(study.suspects, snakemake.output.suspects)
    write_table(study.scores, snakemake.output.table)
