"""Compare the control of all models with one another."""

from pathlib import Path

from mrisynth.control_set import read_control_set
from mrisynth.control_study import read_control_study
from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.metrics.control_pairs import compare_control

with running(snakemake):
    found, wanted = snakemake.input, snakemake.params
    models = {}
    for size, recipe, real, regressor, fakes in zip(
        wanted.sizes, found.recipes, found.real, found.regressors, found.fakes, strict=True
    ):
        control = read_control_set(
            Path(found.index).parent,
            size=size,
            condition=Path(found.condition),
            scans=found.scans,
            regions=found.regions[0] if found.regions else None,
        )
        study = read_control_study(
            control, real=real, fakes=fakes, recipe=recipe, regressor=regressor, seed=wanted.seed
        )
        models[study.model] = study.values()
    write_table(compare_control(models, seed=wanted.seed, replicates=wanted.replicates), snakemake.output[0])
