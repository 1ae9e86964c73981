"""Unpack the T1 image of each zip file of one bundle."""

from functools import partial
from pathlib import Path

from mrisynth.cohorts.ukbiobank_listing import MEMBER
from mrisynth.imaging.conversion import convert_bundle, unpack_image
from mrisynth.joblog import running

with running(snakemake):
    convert_bundle(
        {scan: Path(archive) for scan, archive in snakemake.params.archives.items()},
        Path(snakemake.output[0]),
        convert=partial(unpack_image, member=MEMBER),
        what="zip files",
    )
