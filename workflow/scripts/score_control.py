"""Score the control of one model, and draw what was asked for over what was measured."""

from pathlib import Path

from mrisynth.control_set import read_control_set
from mrisynth.control_study import area_measure, plan_of, read_control_study
from mrisynth.control_tables import write_control
from mrisynth.files import read_json
from mrisynth.joblog import running

with running(snakemake):
    found, wanted = snakemake.input, snakemake.params
    control = read_control_set(
        Path(found.index).parent,
        size=wanted.size,
        condition=Path(found.condition),
        scans=found.scans,
        regions=found.regions[0] if found.regions else None,
    )
    study = read_control_study(
        control,
        real=found.real,
        fakes=found.fakes,
        images=found.fake_images,
        recipe=found.recipe,
        regressor=found.regressor,
        seed=wanted.seed,
        area=area_measure(control, found.get("area") or None, pixel_mm=wanted.pixel_mm),
    )
    write_control(
        study,
        plan_of(control, covariates=wanted.strata, samples=wanted.samples, seed=wanted.seed),
        perceptual=read_json(found.perceptual),
        replicates=wanted.replicates,
        paths={name: Path(path) for name, path in snakemake.output.items()},
    )
