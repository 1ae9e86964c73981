"""Fault 15: forty cases, half with a failed extraction or registration: at least 95 % found, at most 5 % wrongly."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from mrisynth.imaging.limits import judge, limits_of_study
from mrisynth.imaging.recipes import RegistrationRecipe
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.template import Template, load_template

planted = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "test_stages.py"))["planted"]
VOXEL_MM = 5.0
RECIPE = RegistrationRecipe(already_extracted=True, voxel_mm=VOXEL_MM, size=32, seed=11, bias_correction=False)
LIMITS = limits_of_study(pd.DataFrame(), configured={}, learn=False, transform="affine")


def share(mask: np.ndarray, wanted: float) -> np.ndarray:
    """The mask grown or shrunk until it has this share of its voxels."""
    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    depth = np.where(mask, inside, -outside).ravel()
    limit = np.sort(depth)[::-1][min(int(wanted * mask.sum()), depth.size - 1)]
    return (depth >= limit).reshape(mask.shape)


def part(mask: np.ndarray, axis: int, low: float, high: float) -> np.ndarray:
    """The part of the mask between two percentiles along an axis."""
    places = np.indices(mask.shape)[axis]
    ends = np.percentile(places[mask], [low, high])
    return mask & (places >= ends[0]) & (places <= ends[1])


FAILURES: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "a fifth of the brain": lambda data, mask: (data, share(mask, 0.2)),
    "three times the brain": lambda data, mask: (data + 50.0, share(mask, 3.0)),
    "upside down": lambda data, mask: (data[:, :, ::-1], mask[:, :, ::-1]),
    "back to front": lambda data, mask: (data[:, ::-1], mask[:, ::-1]),
    "rolled over": lambda data, mask: (data[:, ::-1, ::-1], mask[:, ::-1, ::-1]),
    "half": lambda data, mask: (data, part(mask, 0, 0, 50)),
    "no top": lambda data, mask: (data, part(mask, 2, 0, 70)),
    "no front": lambda data, mask: (data, part(mask, 1, 0, 60)),
    "a thick slice": lambda data, mask: (data, part(mask, 2, 40, 60)),
    "an empty mask": lambda data, mask: (data, mask & False),
}


def person(template: Template, seed: int) -> nib.Nifti1Image:
    """The template as somebody else's brain: turned, moved, noisy, brighter on one side, on its own grid."""
    random = np.random.default_rng(seed)
    turn = Rotation.from_euler("xyz", random.uniform(-8, 8, 3), degrees=True).as_matrix()
    affine = nib.affines.from_matvec(turn, random.uniform(-10, 10, 3)) @ template.image.affine
    inside = np.asarray(template.mask.dataobj) > 0
    noise = random.normal(0, 0.02, size=inside.shape)
    bias = np.exp(random.uniform(-0.2, 0.2) * np.linspace(-1, 1, inside.shape[0]))[:, None, None]
    values = np.clip(np.asarray(template.image.dataobj) + noise, 0.02, None) ** random.uniform(0.8, 1.2)
    data = np.where(inside, values * bias * 800, 0)
    return nib.Nifti1Image(data.astype(np.float32), affine)


@pytest.mark.fault(15)
@pytest.mark.slow_fault
def test_forty_cases(tmp_path: Path) -> None:
    template = load_template("icbm152_2009a", voxel_mm=VOXEL_MM)
    paths: dict[str, Path] = {}
    for seed in range(40):
        brain = person(template, seed)
        data = np.asarray(brain.dataobj)
        mask, kind = data > 0, "good"
        if seed % 2:
            kind = list(FAILURES)[seed // 2 % len(FAILURES)]
            data, mask = FAILURES[kind](data, mask)
        name = f"{kind.replace(' ', '-')}-{seed:02d}"
        image = nib.Nifti1Image(np.ascontiguousarray(data, dtype=np.float32), brain.affine)
        paths[name] = planted(tmp_path / "ex", name, image, np.ascontiguousarray(mask))
    table = register_bundle(paths, tmp_path / "ex", tmp_path / "pp", template=template, recipe=RECIPE)
    verdicts = {row["scan"]: (row["reason"], row["message"], *judge(row, LIMITS)) for row in table.to_dict("records")}
    refused = {
        row["scan"]: row["status"] == "excluded" or bool(judge(row, LIMITS)[0]) for row in table.to_dict("records")
    }
    assert len(refused) == 40  # none is lost
    good = [name for name in refused if name.startswith("good")]
    missed = [name for name in refused if name not in good and not refused[name]]
    alarms = [name for name in good if refused[name]]
    assert len(missed) <= 0.05 * 20, {name: verdicts[name] for name in missed}
    assert len(alarms) <= 0.05 * 20, {name: verdicts[name] for name in alarms}
