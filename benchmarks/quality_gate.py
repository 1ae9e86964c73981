"""Planted failures against the quality gate: what is caught, and what good heads are lost.

Every real head is preprocessed as it is, and once more with one fault planted. Limits are learned from a cohort of the
good heads and one planted head in ten. False alarms are also counted on heads that limits were not learned from.
Exchanging left and right is planted too and reported apart: the template is symmetric, so nothing can tell it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import nibabel as nib
import numpy as np
import pandas as pd
from measure import REPOSITORY, real_data, report

from mrisynth.files import read_json, write_json
from mrisynth.imaging import registration_stage
from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.limits import Limit, judge, limits_of_study
from mrisynth.imaging.quality import measure_extraction
from mrisynth.imaging.recipes import ExtractionRecipe, RegistrationRecipe
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.template import Template, load_template
from mrisynth.imaging.volume import read_volume, write_volume

EXTRACTION = ExtractionRecipe(method="deepbet", voxel_mm=2.0, seed=42)
REGISTRATION = RegistrationRecipe(voxel_mm=2.0, size=128, field_mm=224, seed=42)
UNSEEN = "left_right"
IN_THE_FILE: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # the header keeps saying the same
    "upside_down": lambda data: data[:, :, ::-1],
    "back_to_front": lambda data: data[:, ::-1],
    "rolled_over": lambda data: data[:, ::-1, ::-1],
    "axes_swapped": lambda data: data.transpose(0, 2, 1),
    UNSEEN: lambda data: data[::-1],
}
MASK_VOLUMES = {"mask_fifth": 0.2, "mask_threefold": 3.0}
KINDS = (*(kind for kind in IN_THE_FILE if kind != UNSEEN), *MASK_VOLUMES, "moving_flipped", "blank_fixed")


def main() -> None:
    """Preprocess, plant, judge and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=144)
    parser.add_argument("--unseen", type=int, default=8, help="heads with left and right exchanged")
    parser.add_argument("--good", type=Path, help="a finished study of the same heads, whose work is taken over")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "benchmarks" / "scratch" / "quality_gate")
    chosen = parser.parse_args()
    heads = {
        path.name.removesuffix("-T1.nii.gz"): path for path in sorted((real_data() / "heads_ixi_2mm").glob("*.nii.gz"))
    }
    heads = dict(list(heads.items())[: chosen.heads])
    template = load_template("icbm152_2009a", voxel_mm=2.0)
    good = preprocess(heads, chosen.good or chosen.work / "good", template)
    bad = pd.concat(
        [
            planted(kind, dict(list(heads.items())[index :: len(KINDS)]), chosen.work, template)
            for index, kind in enumerate(KINDS)
        ]
    )
    unseen = planted(UNSEEN, dict(list(heads.items())[: chosen.unseen]), chosen.work, template)
    tell(good, bad, unseen)


def preprocess(scans: Mapping[str, Path], folder: Path, template: Template) -> pd.DataFrame:
    """Both stages; one row a scan."""
    extract_bundle(scans, folder / "brain_extraction", recipe=EXTRACTION)
    return register(scans, folder, template)


def register(scans: Mapping[str, Path], folder: Path, template: Template) -> pd.DataFrame:
    """The second stage; one row a scan."""
    return register_bundle(
        scans, folder / "brain_extraction", folder / "preprocessed", template=template, recipe=REGISTRATION
    )


def planted(kind: str, heads: Mapping[str, Path], work: Path, template: Template) -> pd.DataFrame:
    """Plant one kind of fault in these heads and preprocess them."""
    folder = work / kind
    if kind in IN_THE_FILE:
        return preprocess(changed(heads, folder, IN_THE_FILE[kind]), folder, template).assign(kind=kind)
    if kind == "moving_flipped":  # after extraction, so that the mask is right
        paths = changed(heads, folder, IN_THE_FILE["back_to_front"])
        extract_bundle(heads, folder / "brain_extraction", recipe=EXTRACTION)
        change_masks(heads, folder, lambda mask: mask[:, ::-1])
        return register(paths, folder, template).assign(kind=kind)
    extract_bundle(heads, folder / "brain_extraction", recipe=EXTRACTION)
    if kind in MASK_VOLUMES:
        change_masks(heads, folder, lambda mask: scaled(mask, MASK_VOLUMES[kind] ** (1 / 3)))
        return register(heads, folder, template).assign(kind=kind)
    real = registration_stage.register_to_template

    def blindly(brain: nib.Nifti1Image, fixed: nib.Nifti1Image, **settings: object) -> object:
        return real(brain, nib.Nifti1Image(np.zeros(fixed.shape, dtype=np.float32), fixed.affine), **settings)

    with patch.object(registration_stage, "register_to_template", blindly):
        return register(heads, folder, template).assign(kind=kind)


def changed(heads: Mapping[str, Path], folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> dict[str, Path]:
    """Copies of the heads in canonical axes whose voxels were changed and whose header was not."""
    paths = {scan: folder / "raw" / f"{scan}.nii.gz" for scan in heads}
    for scan, path in paths.items():
        if not path.is_file():
            head = read_volume(heads[scan])
            data = np.ascontiguousarray(change(np.asarray(head.dataobj)))
            write_volume(nib.Nifti1Image(data, head.affine), path)
    return paths


def change_masks(heads: Mapping[str, Path], folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Replace the masks that were found, once, and measure them again."""
    for scan in heads:
        source = folder / "brain_extraction" / scan
        record = read_json(source / "extraction.json")
        if "planted" in record:
            continue
        mask = nib.load(source / "mask.nii.gz")
        inside = np.ascontiguousarray(change(np.asarray(mask.dataobj) > 0))
        write_volume(nib.Nifti1Image(inside.astype(np.uint8), mask.affine), source / "mask.nii.gz", dtype="uint8")
        measures = measure_extraction(inside, voxel_mm=EXTRACTION.voxel_mm)
        record |= {"planted": True, "measures": record["measures"] | measures}
        write_json(record, source / "extraction.json")


def scaled(mask: np.ndarray, scale: float) -> np.ndarray:
    """The same shape about its centre, every edge times ``scale``, cut off at the border of the field."""
    centre = np.argwhere(mask).mean(axis=0)
    source = np.rint((np.moveaxis(np.indices(mask.shape), 0, -1) - centre) / scale + centre).astype(int)
    inside = ((source >= 0) & (source < mask.shape)).all(axis=-1)
    result = np.zeros_like(mask)
    result[inside] = mask[tuple(source[inside].T)]
    return result


def tell(good: pd.DataFrame, bad: pd.DataFrame, unseen: pd.DataFrame) -> None:
    """Judge under default and under learned limits, and report."""
    tenth = bad.iloc[::10]
    learned = learn(pd.concat([good, tenth]))
    rows = []
    for name, limits in (("default", learn(good, learning=False)), ("learned", learned)):
        for kind, group in (("good heads", good), *bad.groupby("kind", sort=False), (f"{UNSEEN} (apart)", unseen)):
            reasons = excluded(group, limits)
            rows.append(
                {"limits": name, "heads": kind, "n": len(group), "excluded": len(reasons)}
                | {"reasons": " ".join(f"{reason}:{count}" for reason, count in reasons.value_counts().items())}
            )
    halves = [good.iloc[::2], good.iloc[1::2]]
    left_out = sum(len(excluded(halves[1 - half], learn(halves[half]))) for half in (0, 1))
    report(
        "quality_gate",
        rows,
        caught=f"{len(excluded(bad, learned))} of {len(bad)}",
        caught_fraction=len(excluded(bad, learned)) / len(bad),
        false_alarm_fraction=len(excluded(good, learned)) / len(good),
        false_alarm_fraction_left_out=left_out / len(good),
        limits={limit.measure: [limit.low, limit.high, limit.source] for limit in learned},
    )


def learn(cohort: pd.DataFrame, *, learning: bool = True) -> list[Limit]:
    """The limits of a cohort."""
    measured = cohort[cohort["status"] == "measured"]
    return limits_of_study(measured, configured={}, learn=learning, transform=REGISTRATION.transform)


def excluded(scans: pd.DataFrame, limits: list[Limit]) -> pd.Series:
    """The reasons of the scans that are excluded."""
    rows = scans.to_dict("records")
    found = [judge(row, limits)[0] or (row["reason"] if row["status"] == "excluded" else "") for row in rows]
    return pd.Series([reason for reason in found if reason], dtype="str")


if __name__ == "__main__":
    main()
