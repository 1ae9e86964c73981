"""Match cases and controls within each split, and compare them before and after."""

from mrisynth.cohorts.split_matching import match_within_splits
from mrisynth.files import read_table, write_table
from mrisynth.joblog import running
from mrisynth.reporting.matching_figure import matching_figure

with running(snakemake):
    found, made, wanted = snakemake.input, snakemake.output, snakemake.params.matching
    scans, packed = read_table(found.scans), read_table(found.index)["scan"]
    scanned = set(scans.loc[scans["scan"].isin(packed), "participant_id"])
    matching = match_within_splits(read_table(found.participants), scanned=scanned, **wanted)
    balance = matching.balance()
    write_table(matching.pairs, made.pairs)
    write_table(matching.left_out, made.left_out)
    write_table(balance, made.balance)
    write_table(matching.balance_of_splits(wanted["group"]), made.splits)
    matching_figure(
        matching.whole,
        balance[balance["split"] == "all"],
        made.picture,
        names=(wanted["case"], wanted["control"]),
        title=matching.words,
    )
