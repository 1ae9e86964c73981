"""DICOM: one series becomes one NIfTI volume, by dcm2niix, without a name or a date in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.volume import write_volume

LONGEST_S = 900

_OPTIONS = ("-b", "n", "-ba", "y", "-c", "", "-d", "0", "-f", "series", "-w", "2", "-z", "n", "-v", "0")


def convert_series(series: Path, path: Path) -> None:
    """Convert the DICOM series in a folder (not searched deeper) to one NIfTI file with dcm2niix.

    Only voxels and geometry go over: the header is written anew, no sidecar is made, and nothing that dcm2niix prints
    is kept, for it can hold a name.

    Args:
        series: folder of the DICOM files of one series.
        path: ends in ``.nii.gz`` or ``.nii``; [x, y, z] in the series' own order, intensities of the scanner.

    Raises:
        ScanError: with reason ``not_converted`` when dcm2niix fails or makes no volume (no DICOM file, a broken one),
            ``several_volumes`` when it makes more than one (several series or echoes, a missing slice, which it
            answers with a second, evenly spaced copy), ``not_3d`` when the volume has a fourth axis.
        MrisynthError: dcm2niix is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="dicom-") as made:
        command = [*dcm2niix_command(), *_OPTIONS, "-o", made, str(series.absolute())]  # no path begins with a dash
        try:
            finished = subprocess.run(command, capture_output=True, timeout=LONGEST_S, check=False)
        except subprocess.TimeoutExpired:
            raise ScanError("not_converted", f"{series}: dcm2niix did not end within {LONGEST_S} s.") from None
        volumes = sorted(Path(made).glob("*.nii"))
        if not volumes or (finished.returncode and len(volumes) == 1):
            raise ScanError(
                "not_converted",
                f"{series}: dcm2niix ended with status {finished.returncode} and {len(volumes)} volumes; "
                f"expected the complete DICOM files of one series.",
            )
        if len(volumes) > 1:
            raise ScanError(
                "several_volumes",
                f"{series}: dcm2niix made {len(volumes)} volumes; expected one series without missing slices.",
            )
        _copy(volumes[0], path, series)


def dcm2niix_command() -> list[str]:
    """Return the command of dcm2niix: that of the pip package, beside this Python, or on the PATH.

    Raises:
        MrisynthError: there is none.
    """
    try:
        import dcm2niix
    except ImportError:
        places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        if found := shutil.which("dcm2niix", path=places):
            return [found]
        raise MrisynthError("dcm2niix is not installed; `pip install dcm2niix` brings it.") from None
    return [str(dcm2niix.bin_path)]


def _copy(volume: Path, path: Path, series: Path) -> None:
    try:
        image = nib.load(volume)
        values = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError, nib.filebasedimages.ImageFileError) as error:
        raise ScanError("not_converted", f"{series}: what dcm2niix made cannot be read ({error}).") from error
    if values.ndim != 3:
        raise ScanError("not_3d", f"{series}: a volume of shape {values.shape} was made; expected three axes.")
    if values.dtype.kind not in "iuf":
        raise ScanError("not_scalar", f"{series}: a volume of {values.dtype} was made; expected one number per voxel.")
    kept = values.dtype.name if values.dtype.kind in "iu" else "float32"
    write_volume(nib.Nifti1Image(values, image.affine), path, dtype=kept)
