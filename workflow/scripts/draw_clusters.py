"""Draw the map of a round of clusters, as a figure and as a page."""

from pathlib import Path

from mrisynth.clusters.verdict import stability_sentence
from mrisynth.conditions import read_condition
from mrisynth.files import read_json, read_table
from mrisynth.joblog import running
from mrisynth.reporting.interactive_map import write_interactive_map
from mrisynth.reporting.maps import umap_figure

with running(snakemake):
    found = snakemake.input
    names = ("clusters", "projections", "coverage", "overlap", "scans")
    tables = {name: read_table(found[name], condition="string", warning="string") for name in names}
    tables["overlap"]["warning"] = tables["overlap"]["warning"].fillna("")
    facts, condition = read_json(found.facts), read_condition(Path(found.condition))
    words = condition.table.set_index("scan")["label_name"].fillna("n/a")
    told = words.to_dict() if condition.classes else {}
    umap_figure(
        tables["clusters"],
        tables["projections"],
        snakemake.output.figure,
        features=facts["features"],
        trained=facts["features_trained"],
        told=told,
        note=stability_sentence(facts["stability"]),
    )
    write_interactive_map(snakemake.output.page, title=snakemake.params.title, facts=facts, told=told, **tables)
