"""Draw counterparts of the real test slices from a model of covariates, and measure them."""

from pathlib import Path

from mrisynth.control_set import read_control_set
from mrisynth.control_study import plan_of
from mrisynth.controlled import Requests, write_controlled
from mrisynth.covariate_regressor import Regressor
from mrisynth.files import write_json
from mrisynth.joblog import running
from mrisynth.perceptual import load_perceptual
from mrisynth.sampling import Sampler
from mrisynth.training.device import prepare_device

with running(snakemake):
    found, made, wanted = snakemake.input, snakemake.output, snakemake.params
    device = prepare_device()
    control = read_control_set(
        Path(found.index).parent,
        size=wanted.size,
        condition=Path(found.condition),
        scans=found.scans,
        regions=found.regions[0] if found.regions else None,
    )
    plan = plan_of(control, covariates=wanted.strata, samples=wanted.samples, seed=wanted.seed)
    perceptual = load_perceptual(wanted.perceptual, weights=list(found.perceptual), seed=wanted.seed, device=device)
    write_json({key: getattr(perceptual, key) for key in ("name", "sha256", "trained")}, made.perceptual)
    write_controlled(
        Sampler.load(Path(found.recipe).parent, device=device),
        control,
        Requests.of(control, plan, draws=wanted.draws),
        regressor=Regressor.load(Path(found.regressor).parent, device=device),
        perceptual=perceptual,
        seed=wanted.seed,
        images_path=Path(made.images),
        table_path=Path(made.table),
    )
