"""Write the participants table, the scans table, the balance of the splits, and what became of rows and images."""

from pathlib import Path

from mrisynth.cohorts.demographics import demographics_log
from mrisynth.cohorts.joining import read_study_knowledge
from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.several import SEVERAL, member_of
from mrisynth.cohorts.splits import balance_table, split_record
from mrisynth.cohorts.tables import build_cohort
from mrisynth.files import write_json, write_table
from mrisynth.joblog import running

with running(snakemake):
    cohort, seed = snakemake.params.cohort, snakemake.params.seed
    several = cohort["name"] == SEVERAL
    files = [
        ScanFile(scan, person, Path(path), Path(path).name, member=member_of(scan) if several else "")
        for scan, (person, path) in snakemake.params.files.items()
    ]
    known = read_study_knowledge(cohort, scan_files=files, seed=seed)
    participants, scans = build_cohort(
        files,
        known.knowledge.people,
        source=known.source,
        seed=seed,
        fractions={"test": cohort["test_fraction"], "validation": cohort["validation_fraction"]},
        stratify=known.stratify,
        scan_values=known.knowledge.scans,
        age_bounds_years=known.knowledge.merged.age_bounds_years,
    )
    write_table(participants, snakemake.output.participants)
    write_table(scans, snakemake.output.scans)
    write_table(balance_table(participants), snakemake.output.balance)
    settings = {key: cohort[key] for key in ("test_fraction", "validation_fraction")}
    write_json(
        split_record(scans, settings=settings | {"stratify": known.stratify, "seed": seed}), snakemake.output.splits
    )
    write_table(demographics_log(known.knowledge.merged, participants), snakemake.output.demographics_log)
    write_table(known.knowledge.selection, snakemake.output.selection)
