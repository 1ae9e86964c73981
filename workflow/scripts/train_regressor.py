"""Train networks that measure covariates in real slices, and measure all of them."""

from pathlib import Path

from mrisynth.control_set import read_control_set
from mrisynth.joblog import running
from mrisynth.regressor_job import train_on, write_real
from mrisynth.training.device import prepare_device

with running(snakemake):
    found, made = snakemake.input, snakemake.output
    control = read_control_set(
        Path(found.index).parent,
        size=int(snakemake.wildcards.size),
        condition=Path(found.condition),
        scans=found.scans,
        regions=found.regions[0] if found.regions else None,
    )
    regressor = train_on(control, seed=snakemake.params.seed, device=prepare_device())
    write_real(control, regressor, Path(made.real))
    regressor.save(Path(made.weights).parent)
