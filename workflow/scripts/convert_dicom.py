"""Convert the DICOM series of one bundle to NIfTI."""

from pathlib import Path

from mrisynth.imaging.conversion import convert_bundle
from mrisynth.imaging.dicom import convert_series
from mrisynth.joblog import running

with running(snakemake):
    convert_bundle(
        {scan: Path(series) for scan, series in snakemake.params.series.items()},
        Path(snakemake.output[0]),
        convert=convert_series,
        what="DICOM series",
    )
