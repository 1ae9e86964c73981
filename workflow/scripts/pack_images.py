"""Pack the images of a cohort like slices, and write the tables of the cohort."""

from pathlib import Path

from mrisynth.image_study import image_tables, known_of_images, pack_cohort, write_image_tables
from mrisynth.joblog import running

with running(snakemake):
    cohort, seed, output = snakemake.params.cohort, snakemake.params.seed, snakemake.output
    index = pack_cohort(cohort, Path(output.index).parent, sizes=snakemake.params.sizes, seed=seed)
    column = cohort["class_column"]
    settings = {key: cohort[key] for key in ("test_fraction", "validation_fraction")}
    settings |= {"stratify": [column] if cohort["stratify"] else [], "seed": seed}
    tables = image_tables(index, source=cohort["name"], column=column, known=known_of_images(cohort))
    write_image_tables(tables, dict(output.items()), settings=settings)
