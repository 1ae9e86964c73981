"""Score the region volumes of one model."""

from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.morphometry_study import effects_of_model, score_volumes, sources_of
from mrisynth.score_files import save_replicates

with running(snakemake):
    found, params = snakemake.input, snakemake.params
    model = snakemake.wildcards.model
    real, scans, samples, untrained = (
        read_table(path, id="string", reason="string")
        for path in (found.real, found.scans, found.samples, found.untrained)
    )
    settings = {"seed": params.seed, "draws": params.draws, "replicates": params.resamplings}
    sources = sources_of({model: samples, "untrained": untrained}, model=model)
    scored = score_volumes(real, sources, scans, view=str(params.size), **settings)
    effects = effects_of_model(samples, read_table(found.labels), real, scans, model=model, **settings)
    write_table(scored.table, snakemake.output.table)
    write_table(effects, snakemake.output.regions)
    save_replicates(scored.replicates, snakemake.output.replicates)
