"""Volumes of ventricles, grey matter and hippocampi of real scans, by label maps or by tissues: a row a scan."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.cohorts.several import SEVERAL, joined_name, member_of
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.ants_bridge import read_linear
from mrisynth.label_map_stage import only_map, read_labels, template_volumes
from mrisynth.progress import track
from mrisynth.region_covariates import KEY, OF_TISSUES, RegionPlan
from mrisynth.region_numberings import NUMBERINGS, SIDES, ordered, recognised, structures_of

_LOG = logging.getLogger(__name__)
_MM3 = 1000.0  # in a mL
_MOST_ASTRAY = 0.1


def covariates_of_maps(
    scans: pd.DataFrame, plan: RegionPlan, preprocessed: str | Path, *, cohort: str = ""
) -> pd.DataFrame:
    """Measure the structures of every scan in its label map.

    Columns: ``scan``; ``reason``, empty where the map could be measured, else ``missing``, ``several``,
    ``unreadable``, ``no_labels``, ``numbering`` (the labels are those of another numbering, or of none that is known)
    or ``sides`` (more than a tenth of a hippocampus lies in the other hemisphere); ``numbering``; and
    ``{structure}_ml``, in mL of template space: the volume in the map by the determinant of the scan's registration
    (its linear part). A structure of a known numbering of which a map has nothing is missing; one of the user's own
    has then the volume 0.

    Args:
        scans: ``scan`` and ``t1w`` (path) of the scans to measure.
        plan: with ``origin`` ``label_maps``.
        preprocessed: holds ``{scan}/template_to_scan.mat``.
        cohort: ``cohort.name``; of ``several`` a scan's name says which member it is from.

    Raises:
        MrisynthError: a folder is missing, or no map at all could be measured.
    """
    finder = _Finder(plan, is_several=cohort == SEVERAL)
    rows = []
    for scan, t1w in track(zip(scans["scan"], scans["t1w"], strict=True), "region covariates", len(scans)):
        row: dict[str, object] = {"scan": scan, "reason": ""}
        try:
            row |= _measured(finder.path(scan, t1w), plan, Path(preprocessed) / scan / "template_to_scan.mat")
        except ScanError as error:
            row["reason"] = error.reason
            _LOG.warning("%s: %s", scan, error)
        rows.append(row)
    table = pd.DataFrame(rows)
    reasons = table.loc[table["reason"] != "", "reason"].value_counts().to_dict()
    if sum(reasons.values()) == len(table):
        raise MrisynthError(
            f"None of {len(table)} scans has a label map that could be measured ({_counted(reasons)}); see {KEY} in "
            "the configuration and the log of this job."
        )
    used = table["numbering"].value_counts().to_dict()
    _LOG.info("%d of %d scans measured (%s)", sum(used.values()), len(table), _counted(used))
    if len(used) > 1:
        _LOG.warning("maps of several numberings (%s): compare their volumes with care", _counted(used))
    columns = [f"{name}_ml" for name in ordered(name.removesuffix("_ml") for name in table if name.endswith("_ml"))]
    return table[["scan", "reason", "numbering", *columns]].astype(dict.fromkeys(columns, "float64"))


def maps_of(scans: pd.DataFrame, plan: RegionPlan, *, cohort: str = "") -> dict[str, Path]:
    """Return the label map of every scan that has one alone; arguments as :func:`covariates_of_maps`."""
    finder, found = _Finder(plan, is_several=cohort == SEVERAL), {}
    for scan, t1w in zip(scans["scan"].astype(str), scans["t1w"], strict=True):
        try:
            found[scan] = finder.path(scan, t1w)
        except ScanError as error:
            _LOG.warning("%s: %s", scan, error)
    return found


def covariates_of_tissues(regions: pd.DataFrame) -> pd.DataFrame:
    """Return the covariates that tissues tell without label maps: ventricles, grey matter and brain, no hippocampi.

    Args:
        regions: region volumes of real scans in mm3 of template space, of
            :func:`mrisynth.region_stage.measure_regions`.

    Returns:
        ``scan``, ``reason``, ``numbering`` (``tissue``) and ``{structure}_ml``, one row a scan.
    """
    table = regions[["id", "reason"]].set_axis(["scan", "reason"], axis=1).assign(numbering="tissue")
    table["reason"] = table["reason"].fillna("")
    for name, parts in OF_TISSUES.items():
        table[f"{name}_ml"] = (regions[list(parts)].sum(axis=1, skipna=False) / _MM3).round(4)
    return table


class _Finder:
    """Finds the label map of a scan; a folder is listed once, and the files of a scan are looked up by its name."""

    def __init__(self, plan: RegionPlan, *, is_several: bool) -> None:
        self._plan, self._is_several = plan, is_several
        self._files: dict[str, list[Path]] = {}
        for folder in set(filter(None, plan.folders.values())):
            if not Path(folder).is_dir():
                raise MrisynthError(f"{KEY}: the folder {folder} is not there; give the folder of label maps.")
            files = (path for path in Path(folder).iterdir() if path.name.endswith((".nii", ".nii.gz")))
            self._files[folder] = sorted(files, key=_name)

    def path(self, scan: str, t1w: str) -> Path:
        member = member_of(scan) if self._is_several else ""
        if member not in self._plan.folders:
            raise ScanError("missing", f"no folder of label maps is given for the cohort {member}")
        folder = self._plan.folders[member]
        if folder is None:
            path = Path(t1w).with_name(Path(t1w).name.replace("_T1w.nii", "_labels.nii"))
            if not path.is_file():
                raise ScanError("missing", f"{path} is not there; simulate the head again")
            return path
        name = scan.removeprefix(joined_name(member, " ").rstrip()) if self._plan.named_by_member else scan
        files = self._files[folder]
        first = bisect_left(files, name, key=_name)
        last = bisect_left(files, f"{name}\U0010ffff", key=_name)
        return only_map(name, files[first:last])


def _measured(path: Path, plan: RegionPlan, transform: Path) -> dict[str, object]:
    labels, affine = read_labels(path)
    to_scan = read_linear(transform)
    volumes = template_volumes(labels, affine, path=path, to_scan=to_scan)
    found = recognised(volumes)
    numbering = found or "none" if plan.numbering == "auto" else plan.numbering
    is_known = numbering in NUMBERINGS
    alike = is_known and (numbering == "custom" or found is None or NUMBERINGS[found] == NUMBERINGS[numbering])
    if not alike:
        raise ScanError(
            "numbering", f"{path} has the labels of numbering {found or 'unknown'}; set {KEY}.numbering to what it has"
        )
    structures = structures_of(numbering, plan.structures)
    astray = _share_astray(labels, np.linalg.inv(to_scan) @ affine, [structures.get(side, ()) for side in SIDES])
    if astray > _MOST_ASTRAY:
        raise ScanError(
            "sides", f"{path}: {astray:.0%} of a hippocampus lies in the other hemisphere; left and right are mixed up"
        )
    row: dict[str, object] = {"numbering": numbering}
    for name, parts in structures.items():
        volume = sum(volumes.get(part, 0.0) for part in parts) / _MM3
        row[f"{name}_ml"] = round(volume, 4) if volume or name in plan.structures else None
    return row


def _share_astray(labels: np.ndarray, to_template: np.ndarray, sides: Sequence[Sequence[int]]) -> float:
    """Return the share of the left or the right structure, the larger, beyond the template's midline, 0..1."""
    shares = [0.0]
    for side, sign in zip(sides, (1.0, -1.0), strict=True):
        voxels = np.argwhere(np.isin(labels, side))
        if len(voxels):
            x_mm = nib.affines.apply_affine(to_template, voxels)[:, 0]
            shares.append(float((sign * x_mm > 0.0).mean()))
    return max(shares)


def _name(path: Path) -> str:
    return path.name


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
