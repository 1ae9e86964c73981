"""Write the page on which every scan can be looked at and marked."""

from pathlib import Path

from mrisynth.files import read_table
from mrisynth.joblog import running
from mrisynth.reporting.quality_page import write_quality_page

with running(snakemake):
    page = Path(snakemake.output[0])
    words = dict.fromkeys(("status", "reason", "message"), "string")
    quality = read_table(snakemake.input.quality, **words)
    exclusions = read_table(snakemake.input.exclusions, reason="string") if snakemake.input.exclusions else None
    write_quality_page(
        page,
        title=snakemake.params.title,
        quality=quality,
        limits=read_table(snakemake.input.limits, unit="string", meaning="string", source="string"),
        exclusions=exclusions,
        pictures={scan: page.parents[1] / "preprocessed" / scan / "quality.png" for scan in quality["scan"]},
        exclusions_path=snakemake.params.exclusions_path,
    )
