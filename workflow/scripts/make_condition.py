"""Write the condition table of the scans that passed."""

from dataclasses import replace
from pathlib import Path

from mrisynth.clusters.verdict import judge
from mrisynth.cohorts.split_matching import read_matched
from mrisynth.conditions import build_condition, write_condition
from mrisynth.covariate_condition import build_covariate_condition
from mrisynth.covariate_tables import covariate_table
from mrisynth.files import read_json, read_table
from mrisynth.joblog import running
from mrisynth.text.prompt_condition import build_text_condition

with running(snakemake):
    found = snakemake.input
    scans = read_table(found.scans)
    scans = scans[scans["scan"].isin(read_table(found.index).dropna(subset="row")["scan"])]
    if matched := found.get("matched"):
        scans = scans[scans["participant_id"].isin(read_matched(matched))]
    clusters, facts = found.get("clusters"), found.get("facts")
    origin = read_json(facts) if facts else {}
    warnings = judge(origin, where=str(Path(facts).with_suffix(".html")), **snakemake.params.judge) if facts else []
    name, settings, seed = snakemake.wildcards.condition, snakemake.params.condition, snakemake.params.seed
    if settings["kind"] == "covariates":
        known = covariate_table(scans, read_table(found.regions[0]) if found.regions else None)
        given = {key: settings[key] for key in ("sources", "completion")}
        condition = build_covariate_condition(name, known, seed=seed, **given)
    elif settings["kind"] == "text":
        known = covariate_table(scans, read_table(found.regions[0]) if found.regions else None)
        given = {key: settings[key] for key in ("columns", "template", "text") if key in settings}
        condition = build_text_condition(name, known, seed=seed, **given)
    else:
        told = {key: value for key, value in settings.items() if key in ("kind", "columns", "classes")}
        clusters = read_table(clusters) if clusters else None
        condition = build_condition(name, scans, seed=seed, clusters=clusters, **told)
    write_condition(replace(condition, origin=origin, warnings=warnings), Path(snakemake.output.table))
