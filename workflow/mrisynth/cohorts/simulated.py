"""The simulated cohort: participants with known covariates, and heads whose anatomy is known exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.cohorts import simulated_template as template
from mrisynth.cohorts.simulated_anatomy import Knobs, TemplateWarp, label_brain, structure_volumes_ml
from mrisynth.cohorts.simulated_appearance import SITES, scan_head
from mrisynth.cohorts.simulated_fields import head_grid
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.files import atomic, write_table
from mrisynth.progress import track
from mrisynth.seeds import numpy_generator

VOXEL_RANGE_MM = (0.8, 4.0)
KNOB_RANGES = {
    "ventricles": (0.4, 4.0),
    "grey_matter": (0.7, 1.15),
    "hippocampus_left": (0.4, 1.3),
    "hippocampus_right": (0.4, 1.3),
    "head_size": (0.75, 1.25),
    "site_contrast": (0.4, 1.6),
}
_AGE_THIRDS = ((20.0, 40.0), (40.0, 60.0), (60.0, 80.0))
_BLOCK = len(_AGE_THIRDS) * 2 * len(SITES)


@dataclass(frozen=True, kw_only=True)
class Atrophy:
    """What the diagnosis ``atrophy`` does to a head: it multiplies these knobs.

    Attributes:
        hippocampi: both of them.
        ventricles: all of them.
    """

    hippocampi: float = 0.75
    ventricles: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How much simulated people of one age, sex and diagnosis differ: standard deviations of knobs, at most 2.5 deep.

    Attributes:
        ventricles: of the logarithm of their knob.
        grey_matter: of its knob.
        hippocampi: of what both have in common.
        each_hippocampus: of what each has alone.
    """

    ventricles: float = 0.22
    grey_matter: float = 0.03
    hippocampi: float = 0.06
    each_hippocampus: float = 0.03


_USUAL, _USUALLY = Atrophy(), Variation()
_NO_EFFECT = Atrophy(hippocampi=1.0)


@dataclass(frozen=True)
class SimulatedHead:
    """One head: the T1-weighted scan, the mask of the brain and the labels of its structures, all RAS+.

    ``labels`` holds the values of ``simulated_anatomy.LABELS``; ``brain_mask`` is 1 where ``labels`` is not 0: all
    that the skull holds, with ventricles and sulci.
    """

    image: nib.Nifti1Image
    brain_mask: nib.Nifti1Image
    labels: nib.Nifti1Image


def simulate_participants(
    count: int,
    *,
    seed: int,
    atrophy: Atrophy = _USUAL,
    variation: Variation = _USUALLY,
    contrasts: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Draw the participants of a simulated cohort, one row each.

    Every twelve participants in a row hold each sex x age third x site once, and four with atrophy, in random
    order: small cohorts are balanced, covariates are independent of one another. Participant k depends only on
    (seed, k), never on ``count``.

    Known effects on the knobs (the rest is individual variation):
        * age: ventricles grow by 1.5 % a year, cortical grey matter loses 0.3 % a year (1 at 50 years);
        * sex: the head of a man is 1.06, of a woman 0.94 of the reference volume on average;
        * diagnosis ``atrophy``: hippocampi and ventricles as given, by default both hippocampi at 0.75;
        * site: ``site_contrast`` about 1.08 (north) or 0.84 (south), with its own bias field and noise.

    Args:
        count: number of participants.
        seed: the study's seed.
        atrophy: what the diagnosis does.
        variation: how much people differ.
        contrasts: site -> mean of its ``site_contrast``, for sites that are to look otherwise than usual.

    Returns:
        Columns participant_id, scan, source, sex, age (years), site, diagnosis and the knobs of ``KNOB_RANGES``.

    Raises:
        ConfigError: ``count`` is below 1.
    """
    if count < 1:
        raise ConfigError(f"cohort.participants is {count}; a simulated cohort needs at least 1.")
    mean = {site: profile.contrast for site, profile in SITES.items()} | dict(contrasts or {})
    people = [
        _participant(number, seed=seed, atrophy=atrophy, variation=variation, contrasts=mean)
        for number in range(1, count + 1)
    ]
    return pd.DataFrame(people)


def simulate_head(participant: Mapping[str, Any], *, seed: int, voxel_mm: float) -> SimulatedHead:
    """Build the head of one participant.

    Args:
        participant: a row of :func:`simulate_participants`; a changed knob changes its own structure only.
        seed: the study's seed; the same participant is the same anatomy at every voxel size.
        voxel_mm: edge of the cubic voxels in mm, 0.8 to 4.

    Raises:
        MrisynthError: a knob or column is missing or out of its range.
        ConfigError: ``voxel_mm`` is out of range.
    """
    if not VOXEL_RANGE_MM[0] <= voxel_mm <= VOXEL_RANGE_MM[1]:
        low, high = VOXEL_RANGE_MM
        raise ConfigError(f"cohort.simulated_voxel_mm is {voxel_mm}; a number from {low} to {high} (mm) is expected.")
    name, knobs, contrast, site = _checked(participant)

    def draw(part: str) -> np.random.Generator:
        return numpy_generator(seed, "simulated", name, part)

    anatomy = template.load_anatomy(2 if voxel_mm >= 1.5 else 1)
    grid = head_grid(voxel_mm)
    warp = TemplateWarp(draw, head_size=knobs.head_size, template_ml=anatomy.volumes_ml["intracranial"])
    points = warp.points_mm(grid)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    box = _brain_box(points, anatomy)
    labels[box] = label_brain(draw, grid.crop(box), points[(slice(None), *box)], knobs=knobs, anatomy=anatomy)
    image = scan_head(draw, grid, points, labels, site=SITES[site], contrast=contrast)
    return SimulatedHead(
        image=_nifti(image, grid.affine),
        brain_mask=_nifti((labels > 0).astype(np.uint8), grid.affine),
        labels=_nifti(labels, grid.affine),
    )


def write_heads(participants: pd.DataFrame, folder: Path, *, seed: int, voxel_mm: float) -> None:
    """Write ``{scan}_T1w.nii.gz``, ``{scan}_mask.nii.gz`` and ``{scan}_labels.nii.gz`` of every participant.

    ``folder/truth.tsv`` holds the participants' rows (with the knobs) and the true volume in mL of the brain and
    of every structure (``{structure}_ml``), as counted in the labels. One folder belongs to one call.
    """
    folder = Path(folder)
    truths = []
    for row in track(participants.to_dict("records"), "simulating heads", len(participants)):
        head = simulate_head(row, seed=seed, voxel_mm=voxel_mm)
        for kind, image in (("T1w", head.image), ("mask", head.brain_mask), ("labels", head.labels)):
            with atomic(folder / f"{row['scan']}_{kind}.nii.gz") as unfinished:
                nib.save(image, unfinished)
        volumes = structure_volumes_ml(np.asarray(head.labels.dataobj), voxel_ml=voxel_mm**3 / 1000.0)
        truths.append(row | {f"{name}_ml": round(volume, 3) for name, volume in volumes.items()})
    write_table(pd.DataFrame(truths), folder / "truth.tsv")


def _participant(
    number: int, *, seed: int, atrophy: Atrophy, variation: Variation, contrasts: Mapping[str, float]
) -> dict[str, Any]:
    block, place = divmod(number - 1, _BLOCK)
    order = numpy_generator(seed, "simulated", "block", block)
    cell = int(order.permutation(_BLOCK)[place])
    ill = place in order.permutation(_BLOCK)[: _BLOCK // 3]
    third, rest = divmod(cell, 2 * len(SITES))
    sex, site = "fm"[rest % 2], list(SITES)[rest // 2]
    name = f"sub-{number:04d}"
    age = round(float(numpy_generator(seed, "simulated", name, "age").uniform(*_AGE_THIRDS[third])), 1)
    effect = atrophy if ill else _NO_EFFECT
    person = {"participant_id": name, "scan": name, "source": "simulated", "sex": sex, "age": age, "site": site}
    diagnosis = "atrophy" if ill else "control"
    return person | {"diagnosis": diagnosis} | _draw_knobs(person, effect, variation, contrasts, seed=seed)


def _draw_knobs(
    person: Mapping[str, Any], effect: Atrophy, spread: Variation, contrasts: Mapping[str, float], *, seed: int
) -> dict[str, float]:
    name, sex, age, site = (person[key] for key in ("scan", "sex", "age", "site"))
    generator = numpy_generator(seed, "simulated", name, "knobs")
    ventricles, grey, both, left, right, size, contrast = np.clip(generator.standard_normal(7), -2.5, 2.5)
    common = spread.hippocampi * both
    knobs = {
        "ventricles": effect.ventricles * np.exp(0.015 * (age - 50.0) + spread.ventricles * ventricles),
        "grey_matter": 1.0 - 0.003 * (age - 50.0) + spread.grey_matter * grey,
        "hippocampus_left": effect.hippocampi * (1.0 + common + spread.each_hippocampus * left),
        "hippocampus_right": effect.hippocampi * (1.0 + common + spread.each_hippocampus * right),
        "head_size": (1.06 if sex == "m" else 0.94) + 0.05 * size,
        "site_contrast": contrasts[site] + 0.03 * contrast,
    }
    return {key: round(float(np.clip(value, *KNOB_RANGES[key])), 4) for key, value in knobs.items()}


def _checked(participant: Mapping[str, Any]) -> tuple[str, Knobs, float, str]:
    missing = {"scan", "site", *KNOB_RANGES} - set(participant)
    if missing:
        raise MrisynthError(f"a simulated participant lacks {', '.join(sorted(missing))}: see simulate_participants")
    name = str(participant["scan"])
    for key, (low, high) in KNOB_RANGES.items():
        if not low <= float(participant[key]) <= high:
            raise MrisynthError(f"{key} of {name} is {participant[key]}: a number from {low} to {high} is expected")
    if participant["site"] not in SITES:
        raise MrisynthError(f"site of {name} is {participant['site']!r}: expected one of {', '.join(SITES)}")
    anatomy = {key: float(participant[key]) for key in KNOB_RANGES if key != "site_contrast"}
    return name, Knobs(**anatomy), float(participant["site_contrast"]), str(participant["site"])


def _brain_box(points_mm: np.ndarray, anatomy: template.Anatomy) -> tuple[slice, slice, slice]:
    """Return the box of voxels near the brain, found on every fourth voxel."""
    step = 4
    near = anatomy.envelope.at(points_mm[:, ::step, ::step, ::step]) < 12.0
    box = []
    for axis, size in enumerate(points_mm.shape[1:]):
        where = np.flatnonzero(near.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(max(int(where[0] - 1) * step, 0), min(int(where[-1] + 2) * step, size)))
    return tuple(box)


def _nifti(values: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    image = nib.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    return image
