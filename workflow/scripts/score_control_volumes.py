"""Score the control of one model of volumes by the tissues of its samples."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.control_tables import COMPARED
from mrisynth.control_volumes import TISSUE, volume_control
from mrisynth.covariate_tables import covariate_table
from mrisynth.files import read_json, read_table, write_table
from mrisynth.joblog import running
from mrisynth.metrics.control import score_control
from mrisynth.reporting.control_scatter import control_scatter

with running(snakemake):
    found, made, facts = snakemake.input, snakemake.output, read_json(snakemake.input.recipe)
    told = read_condition(Path(found.condition)).table[["scan", "label_name"]].rename(columns={"label_name": "source"})
    scans = read_table(found.scans).drop(columns="source", errors="ignore")
    known = covariate_table(scans, read_table(found.regions[0]) if found.regions else None)
    values = volume_control(
        facts,
        samples=read_table(found.samples),
        drawn=read_table(found.drawn),
        real=read_table(found.real),
        known=known.merge(told.dropna(), on="scan"),
    )
    model, params = snakemake.wildcards.model, snakemake.params
    scored = {"measured_by": TISSUE, "measured_by_sha256": "none: tissues", "view": str(facts["model"]["size"])}
    control = score_control(values, model=model, **scored, seed=params.seed, replicates=params.replicates)
    title = f"What {model} was asked for, and what the tissues of its samples show"
    control_scatter(values, control.summary, made.picture, measured_by="tissues by their brightness", title=title)
    table = control.scored.table
    write_table(table[table["metric"].str.startswith(COMPARED)], made.table)
    write_table(control.summary.assign(measured_by=TISSUE), made.summary)
