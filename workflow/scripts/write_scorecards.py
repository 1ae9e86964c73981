"""Write the scorecard of every model."""

from pathlib import Path

from mrisynth.joblog import logged
from mrisynth.reporting.results import read_results
from mrisynth.reporting.scorecard import scorecard, write_scorecard

with logged(snakemake.log[0]):
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
            may_be_exported=params.may_be_exported,
            replicates=seeds.get(model, ()),
        )
        write_scorecard(Path(snakemake.output.cards[0]).parent, card)
