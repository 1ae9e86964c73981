"""Write the participants table, the scans table and the balance of the splits."""

from pathlib import Path

from mrisynth.cohorts.demographics import read_cohort_demographics
from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.splits import balance_table
from mrisynth.cohorts.tables import build_cohort
from mrisynth.files import write_table
from mrisynth.joblog import logged

with logged(snakemake.log[0]):
    cohort, seed = snakemake.params.cohort, snakemake.params.seed
    files = snakemake.params.files
    participants, scans = build_cohort(
        [
            ScanFile(scan, person, Path(path), Path(path).name)
            for scan, (person, path) in snakemake.params.files.items()
        ],
        read_cohort_demographics(cohort, snakemake.input.demographics, seed=seed),
        source=cohort["name"],
        seed=seed,
        fractions={"test": cohort["test_fraction"], "validation": cohort["validation_fraction"]},
    )
    write_table(participants, snakemake.output.participants)
    write_table(scans, snakemake.output.scans)
    write_table(balance_table(participants), snakemake.output.balance)
