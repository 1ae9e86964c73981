"""Write the scorecard of every model."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.redistribution import Redistribution
from mrisynth.reporting.results import read_results
from mrisynth.reporting.scorecard import scorecard, write_scorecard

with running(snakemake):
    results = read_results(**dict(snakemake.input.items()))
    params = snakemake.params
    seeds = {name: names for names in params.replicates.values() for name in names}
    for model, recipe in params.models.items():
        card = scorecard(
            model,
            results,
            study=params.title,
            recipe=recipe,
            samples=params.samples,
            terms=Redistribution(**params.terms),
            replicates=seeds.get(model, ()),
        )
        write_scorecard(Path(snakemake.output.cards[0]).parent, card)
