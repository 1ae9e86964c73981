"""Region volumes of real scans by label maps of their own: of any atlas, in each scan's space."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.ants_bridge import read_linear
from mrisynth.imaging.regions import region_volumes
from mrisynth.progress import track

_MM3 = 1000.0  # in a mL


def measure_label_maps(scans: Sequence[str], folder: str | Path | None, preprocessed: str | Path) -> pd.DataFrame:
    """Return ``id``, ``reason`` and ``label_{number}`` in mm3 of template space, one row a scan.

    Volumes are divided by the determinant of the scan's registration (its linear part alone), so that they compare with
    those of :func:`mrisynth.region_stage.measure_regions`. A label that a map does not have has the volume 0. A map
    that cannot be used gives a reason: ``missing``, ``several``, ``unreadable`` or ``no_labels``.

    Args:
        scans: their names.
        folder: holds ``{scan}*.nii.gz`` or ``{scan}*.nii``; what follows the name begins with no letter or digit.
        preprocessed: holds ``{scan}/template_to_scan.mat``.

    Raises:
        MrisynthError: no folder is given, or it is missing.
    """
    if folder is None:
        raise MrisynthError("evaluation.label_maps is not set; give the folder of label maps, then ask for them again.")
    folder = Path(folder)
    if not folder.is_dir():
        raise MrisynthError(f"evaluation.label_maps: the folder {folder} is not there; give the folder of label maps.")
    files = sorted(path for path in folder.iterdir() if path.name.endswith((".nii", ".nii.gz")))
    rows = []
    for scan in track(scans, "label maps", len(scans)):
        row: dict[str, object] = {"id": scan, "reason": ""}
        try:
            row |= _volumes(only_map(scan, files), Path(preprocessed) / scan / "template_to_scan.mat")
        except ScanError as error:
            row["reason"] = error.reason
        rows.append(row)
    table = pd.DataFrame(rows)
    labels = sorted((name for name in table if name.startswith("label_")), key=lambda name: int(name.split("_")[1]))
    measured = table["reason"] == ""
    table.loc[measured, labels] = table.loc[measured, labels].fillna(0.0)
    return table[["id", "reason", *labels]]


def only_map(scan: str, files: Sequence[Path]) -> Path:
    """Return the label map of a scan among files, by its name.

    Raises:
        ScanError: reason ``missing`` or ``several``.
    """
    found = [path for path in files if re.match(re.escape(scan) + r"(?![A-Za-z0-9])", path.name)]
    if len(found) != 1:
        reason = "several" if found else "missing"
        raise ScanError(reason, f"{len(found)} label maps have the name of {scan}; expected one.")
    return found[0]


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a label map.

    Returns:
        Its values [x, y, z], finite, and its affine, float64 [4, 4].

    Raises:
        ScanError: reason ``unreadable`` or ``no_labels``.
    """
    try:
        image = nib.load(path)
        labels = np.asarray(image.dataobj)
    except (nib.filebasedimages.ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
        raise ScanError("unreadable", f"{path} cannot be read ({type(error).__name__}); copy it again.") from error
    if labels.ndim != 3 or not np.isfinite(labels).all():
        raise ScanError("no_labels", f"{path} has shape {labels.shape}; expected whole numbers [x, y, z].")
    return labels, image.affine


def template_volumes(labels: np.ndarray, affine: np.ndarray, *, path: Path, to_scan: np.ndarray) -> dict[int, float]:
    """Return the volume of every label in mm3 of template space, in ascending order of the labels.

    Volumes are divided by the determinant of the scan's registration.

    Args:
        labels: [x, y, z], of :func:`read_labels`.
        affine: float64 [4, 4], likewise.
        path: of the map, named in errors.
        to_scan: float64 [4, 4], template world mm to scan world mm, the linear part of the registration.

    Raises:
        ScanError: reason ``no_labels``, the labels are not whole numbers.
    """
    try:
        volumes = region_volumes(labels, tuple(nib.affines.voxel_sizes(affine)))
    except MrisynthError as error:
        raise ScanError("no_labels", f"{path}: {error}") from error
    scale = abs(float(np.linalg.det(to_scan[:3, :3])))
    return {label: _MM3 * volume / scale for label, volume in volumes.items()}


def _volumes(path: Path, transform: Path) -> dict[str, float]:
    volumes = template_volumes(*read_labels(path), path=path, to_scan=read_linear(transform))
    return {f"label_{label}": round(volume, 1) for label, volume in volumes.items()}
