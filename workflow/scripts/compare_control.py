"""Compare the control of all models with one another."""

from pathlib import Path

import pandas as pd

from mrisynth.control_set import read_control_set
from mrisynth.control_study import area_measure, read_control_study
from mrisynth.files import write_table
from mrisynth.joblog import running
from mrisynth.metrics.control_pairs import compare_control

with running(snakemake):
    found, wanted = snakemake.input, snakemake.params
    areas = list(found.areas) or [None] * len(wanted.sizes)
    each = zip(wanted.sizes, found.recipes, found.real, found.regressors, found.fakes, found.images, areas, strict=True)
    studies = []
    for size, recipe, real, regressor, fakes, images, regions in each:
        control = read_control_set(
            Path(found.index).parent,
            size=size,
            condition=Path(found.condition),
            scans=found.scans,
            regions=found.regions[0] if found.regions else None,
        )
        files = {"real": real, "fakes": fakes, "images": images, "recipe": recipe, "regressor": regressor}
        area = area_measure(control, regions, pixel_mm=wanted.field_mm / size)
        studies.append(read_control_study(control, **files, seed=wanted.seed, area=area))
    tables = []
    for name in dict.fromkeys(name for study in studies for name in study.measures):
        models = {study.model: study.values(name) for study in studies if name in study.measures}
        compared = compare_control(models, seed=wanted.seed, replicates=wanted.replicates)
        tables.append(compared.assign(measured_by=name))
    write_table(pd.concat(tables, ignore_index=True), snakemake.output[0])
