"""The copy detector on simulated brains: planted copies found, by kind, and strangers taken for copies.

Beside it stands what is commonly done: the correlation of all voxels with the most similar training scan, with a limit
set in the same way. Brains are simulated where registration would put them, without a skull, and packed as a study
packs them. The limit is set from few strangers (as many as a study of 150 scans holds out) and counted on all others,
and from all by cross-fitting. Copies are planted as :mod:`mrisynth.metrics.planted` makes them, and further ones that
the detector does not promise to find. Brains are kept in ``scratch/`` and not simulated again.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
from measure import REPOSITORY, cpu_seconds, report
from scipy import ndimage

from mrisynth.cohorts.simulated import simulate_participants
from mrisynth.cohorts.simulated_anatomy import Knobs, TemplateWarp, label_brain
from mrisynth.cohorts.simulated_appearance import SITES, scan_head
from mrisynth.cohorts.simulated_fields import Grid
from mrisynth.cohorts.simulated_template import load_anatomy
from mrisynth.files import atomic
from mrisynth.imaging.intensity import scale_inside
from mrisynth.metrics.brain_match import BrainMatcher, find_closest, fit_matcher
from mrisynth.metrics.copies import copy_limit, false_alarms
from mrisynth.metrics.planted import PLANTED, planted_copy
from mrisynth.progress import track
from mrisynth.seeds import numpy_generator
from mrisynth.store import area_average, overlap_weights

SEED = 42
FIELD_MM = 224.0
SIMULATED_SIZE = 64
COMPARED_SIZE = 32
CENTRE_MM = (0.0, -18.0, 8.0)  # middle of the template's head
FEW = (14, 31, 116)  # strangers a limit is set from: 40, 144 and 581 scans hold out about as many
DRAWS = 200
FURTHER = {"shift_4_mm": (4.0, 0.0), "shift_6_mm": (6.0, 0.0), "blur_8_mm": (0.0, 8.0), "shift_2_blur_8_mm": (2.0, 8.0)}


def main() -> None:
    """Simulate, plant, find and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=100)
    parser.add_argument("--strangers", type=int, default=500)
    chosen = parser.parse_args()
    brains = simulated_brains(chosen.train + chosen.strangers)
    rows, figures = [], {}
    for size in (SIMULATED_SIZE, COMPARED_SIZE):
        packed = brains if size == SIMULATED_SIZE else np.rint(reduced(brains, size)).astype(np.uint8)
        found, more = tried(packed, train=chosen.train)
        rows += found
        figures |= more
    report("copy_detector", rows, train=chosen.train, strangers=chosen.strangers, **figures)


def tried(packed: np.ndarray, *, train: int) -> tuple[list[dict[str, object]], dict[str, float]]:
    """Recall by kind and false alarms at one size, in both ways."""
    size, voxel_mm = packed.shape[1], FIELD_MM / packed.shape[1]
    names = [f"sub-{number:04d}" for number in range(1, len(packed) + 1)]
    compared = reduced(packed, COMPARED_SIZE)
    matcher = fit_matcher(compared[:train], names[:train], voxel_mm=FIELD_MM / COMPARED_SIZE)
    rows, figures = [], {}
    ways = {"ours": partial(ours, matcher=matcher), "plain": partial(plain, matcher=matcher, training=compared[:train])}
    for way, search in ways.items():
        before = cpu_seconds()
        strangers = search(compared[train:])[0]
        figures[f"cpu_ms_a_volume_{way}_{size}"] = 1000 * (cpu_seconds() - before) / len(strangers)
        figures[f"largest_stranger_{way}_{size}"] = float(strangers.max())
        mixtures = orders(len(strangers))
        limits = {
            few: [copy_limit(strangers[order[:few]], participants=names[:few]) for order in mixtures] for few in FEW
        }
        figures |= {f"limit_{few}_{way}_{size}": float(np.median(limits[few])) for few in FEW}
        for few in FEW:
            pairs = zip(mixtures, limits[few], strict=True)
            alarms = [(strangers[order[few:]] > limit).mean() for order, limit in pairs]
            rows.append(line(size, way, f"strangers flagged, limit from {few}", np.mean(alarms), np.max(alarms)))
        flagged = false_alarms(strangers, participants=names[train:], generator=numpy_generator(SEED, "copy folds"))
        rows.append(line(size, way, "strangers flagged, cross-fitted", flagged.mean(), flagged.mean()))
        for kind in (*PLANTED, *FURTHER):
            copies = [planted(packed[row], kind, voxel_mm=voxel_mm, row=row) for row in range(train)]
            similarity, closest = search(reduced(np.stack(copies), COMPARED_SIZE))
            right = np.where(closest == np.arange(train), similarity, -1.0)
            shares = [(right > limit).mean() for limit in limits[31]]
            rows.append(line(size, way, f"copies found: {kind}", np.mean(shares), np.min(shares)))
    return rows, figures


def line(size: int, way: str, what: str, share: float, worst: float) -> dict[str, object]:
    """One line of the table; ``worst`` of 200 draws of the strangers that the limit is set from."""
    return {"size": size, "way": way, "what": what, "share": float(share), "worst draw": float(worst)}


def ours(volumes: np.ndarray, matcher: BrainMatcher) -> tuple[np.ndarray, np.ndarray]:
    """Similarity to the closest training scan, and which it is."""
    found = find_closest(volumes, matcher)
    return found.similarity, found.closest


def plain(volumes: np.ndarray, matcher: BrainMatcher, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same by the correlation of all voxels of the brain, where they lie."""
    tables = [part[:, matcher.mask] for part in (volumes, training)]
    tables = [table - table.mean(axis=1, keepdims=True) for table in tables]
    units = [table / np.linalg.norm(table, axis=1, keepdims=True) for table in tables]
    similarity = units[0] @ units[1].T
    return similarity.max(axis=1), similarity.argmax(axis=1)


def orders(count: int) -> list[np.ndarray]:
    """The same orders of the strangers for every question."""
    return [numpy_generator(SEED, "strangers", draw).permutation(count) for draw in range(DRAWS)]


def planted(volume: np.ndarray, kind: str, *, voxel_mm: float, row: int) -> np.ndarray:
    """A copy of a promised or of a further kind."""
    generator = numpy_generator(SEED, "planted copy", kind, row)
    if kind in PLANTED:
        return planted_copy(volume, kind, voxel_mm=voxel_mm, generator=generator)
    shift_mm, width_mm = FURTHER[kind]
    direction = generator.normal(size=3)
    values = ndimage.shift(
        volume.astype(np.float32), direction / np.linalg.norm(direction) * shift_mm / voxel_mm, order=1
    )
    return np.clip(np.rint(ndimage.gaussian_filter(values, width_mm / 2.355 / voxel_mm)), 0, 255).astype(np.uint8)


def reduced(volumes: np.ndarray, size: int) -> np.ndarray:
    """float32 volumes at a smaller size."""
    weights = overlap_weights(volumes.shape[1], size)
    return np.stack([area_average(volume.astype(np.float32), weights) for volume in volumes])


def simulated_brains(count: int) -> np.ndarray:
    """Packed brains of a simulated cohort."""
    path = REPOSITORY / "benchmarks" / "scratch" / "copy_detector" / f"brains-{SIMULATED_SIZE}.npy"
    known = (
        np.load(path, allow_pickle=False) if path.exists() else np.empty((0, *(SIMULATED_SIZE,) * 3), dtype=np.uint8)
    )
    people = simulate_participants(count, seed=SEED).to_dict("records")
    fresh = [simulated_brain(row) for row in track(people[len(known) :], "simulating brains", count - len(known))]
    brains = np.concatenate([known, np.stack(fresh)]) if fresh else known
    if fresh:
        with atomic(path) as unfinished, unfinished.open("wb") as stream:
            np.save(stream, brains, allow_pickle=False)
    return brains[:count]


def simulated_brain(person: dict[str, object]) -> np.ndarray:
    """One brain as registration leaves it: size and pose of the template but for a millimetre, anatomy of its own."""

    def draw(part: str) -> np.random.Generator:
        return numpy_generator(SEED, "simulated", str(person["scan"]), part)

    voxel = FIELD_MM / SIMULATED_SIZE
    corner = tuple(middle - FIELD_MM / 2 + voxel / 2 for middle in CENTRE_MM)
    grid, anatomy = Grid((SIMULATED_SIZE,) * 3, voxel, corner), load_anatomy(2)
    parts = {name: float(person[name]) for name in Knobs.__dataclass_fields__}
    knobs = Knobs(**(parts | {"head_size": 1.0}))
    warp = TemplateWarp(draw, head_size=1.0, template_ml=anatomy.volumes_ml["intracranial"])
    warp.matrix = np.eye(3) * np.cbrt(np.linalg.det(warp.matrix))
    warp.shift_mm = draw("registration").normal(0.0, 0.7, 3)
    points = warp.points_mm(grid)
    labels = label_brain(draw, grid, points, knobs=knobs, anatomy=anatomy)
    site, contrast = SITES[str(person["site"])], float(person["site_contrast"])
    image = scan_head(draw, grid, points, labels, site=site, contrast=contrast)
    return np.rint(scale_inside(image, labels > 0) * 255.0).astype(np.uint8)


if __name__ == "__main__":
    main()
