"""The two stages of preprocessing, each over a bundle of scans: find the brain, then put it on the template's cube."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.errors import ScanError
from mrisynth.files import MISSING, read_json, sha256_of
from mrisynth.imaging.bias import correct_bias
from mrisynth.imaging.brain_extraction import MASK_NAME, BundleExtractor, make_extractor, support_of_brain
from mrisynth.imaging.bundles import EXCLUDED, ScanTask, Stopwatch, fingerprint, run_bundle
from mrisynth.imaging.grid import grid_affine
from mrisynth.imaging.intensity import scale_inside
from mrisynth.imaging.pictures import write_picture
from mrisynth.imaging.quality import (
    Verdict,
    judge_extraction,
    judge_registration,
    measure_extraction,
    measure_registration,
)
from mrisynth.imaging.recipes import ExtractionRecipe, RegistrationRecipe
from mrisynth.imaging.registration import Registration, register_to_template
from mrisynth.imaging.template import Template
from mrisynth.imaging.volume import read_volume, resample_brain, resample_to_voxel, write_volume
from mrisynth.seeds import derive_seed
from mrisynth.store import area_average, overlap_weights

VERSION = 2  # raise it when a change of this code changes results, so that done scans are done again
EXTRACTION_MEASURES = ("brain_ml", "cut_fraction")
REGISTRATION_MEASURES = (*EXTRACTION_MEASURES, "overlap", "correlation", "volume_ratio", "outside_fraction")
COMPARED_SIZE = 64  # brains are compared with the template at this size, so that verdicts do not depend on the cube's
IDENTITY = Registration(files=(), matrix=np.eye(4))


def extract_bundle(
    scans: Mapping[str, Path | None], folder: str | Path, *, recipe: ExtractionRecipe, device: str = "cpu"
) -> pd.DataFrame:
    """Read, check, turn and resample heads and find their brains.

    Writes ``folder/{scan}/T1w.nii.gz`` (float32, RAS+, ``voxel_mm``), ``mask.nii.gz`` (uint8) and ``extraction.json``.
    A scan whose ``extraction.json`` carries the fingerprint of the same bytes and recipe is left alone.

    Args:
        scans: scan to its file; None or a file that is not there makes an excluded row ``missing``.
        folder: where the scans' folders go.
        recipe: how.
        device: of the extraction network.

    Returns:
        One row a scan in the order given: scan, status (``passed`` or ``excluded``), reason, message, brain_ml,
        cut_fraction, cpu_seconds, fingerprint.

    Raises:
        MrisynthError: the recipe cannot work (unknown method, weights missing); never for one bad scan.
    """
    extractor = make_extractor(
        recipe.method,
        device=device,
        weights=recipe.weights,
        test_time_augmentation=recipe.test_time_augmentation,
        head_template=recipe.head_template,
        head_mask=recipe.head_mask,
        seed=recipe.seed,
    )
    tasks = (_extraction_task(scan, path, Path(folder) / scan, recipe, extractor) for scan, path in scans.items())
    return run_bundle(tasks, what="brain extraction", total=len(scans), measures=EXTRACTION_MEASURES)


def register_bundle(
    scans: Sequence[str],
    extraction_folder: str | Path,
    folder: str | Path,
    *,
    template: Template,
    recipe: RegistrationRecipe,
    exclusions: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Correct bias, register, scale and write the cube of each scan that passed extraction.

    Writes ``folder/{scan}/T1w_brain.nii.gz`` (0..1 stored as scaled uint16, cube of ``recipe.size``, 0 = background),
    ``brain_mask.nii.gz`` (uint8, equal to brain > 0), ``template_to_scan.mat`` (and its warp for ``syn``),
    ``quality.png`` and, last, ``quality.json``; the json also for scans excluded by hand or in extraction. Scans that
    fail only the quality thresholds keep their pictures and volumes, so that they can be looked at.

    Args:
        scans: names of the scans.
        extraction_folder: where :func:`extract_bundle` wrote.
        folder: where the scans' folders go.
        template: what to register to.
        recipe: how.
        exclusions: scans excluded by hand, with the reason in words.

    Returns:
        One row a scan in the order given: scan, status, reason, message, brain_ml, overlap, correlation, volume_ratio,
        outside_fraction, ..., cpu_seconds, fingerprint.
    """
    stage = _RegistrationStage(template, recipe)
    tasks = (
        stage.task(scan, Path(extraction_folder) / scan, Path(folder) / scan, (exclusions or {}).get(scan))
        for scan in scans
    )
    return run_bundle(tasks, what="registration", total=len(scans), measures=REGISTRATION_MEASURES)


def _extraction_task(
    scan: str, path: Path | None, folder: Path, recipe: ExtractionRecipe, extractor: BundleExtractor
) -> ScanTask:
    def work(watch: Stopwatch) -> tuple[Verdict, dict[str, Any]]:
        if path is None:
            raise ScanError("missing", f"No file is known for scan {scan}; expected a T1-weighted scan.")
        head = read_volume(path)
        if recipe.method == "none":
            head, _ = resample_brain(head, support_of_brain(head, path), voxel_mm=recipe.voxel_mm)
        else:
            head = resample_to_voxel(head, voxel_mm=recipe.voxel_mm)
        write_volume(head, folder / "T1w.nii.gz")
        watch.lap("read_and_resample")
        found = extractor.extract({scan: folder / "T1w.nii.gz"}, folder.parent)[scan]
        watch.lap("extract")
        if isinstance(found, ScanError):
            raise found
        measures = measure_extraction(np.asarray(nib.load(found).dataobj) > 0, voxel_mm=recipe.voxel_mm)
        return judge_extraction(measures, recipe.thresholds), measures

    present = path is not None and path.is_file()
    inputs = {
        "version": VERSION,
        "sha256": sha256_of(path) if present else MISSING,
        "recipe": asdict(recipe),
        "extractor": extractor.identity,
    }
    return ScanTask(
        scan=scan,
        record=folder / "extraction.json",
        fingerprint=fingerprint(inputs),
        outputs=(folder / "T1w.nii.gz", folder / MASK_NAME),
        work=work,
    )


class _RegistrationStage:
    """What the scans of one bundle share: the template, on its own grid and on the cube."""

    def __init__(self, template: Template, recipe: RegistrationRecipe) -> None:
        self._template = template
        self._recipe = recipe
        self._field = {"size": recipe.size, "field_mm": recipe.field_mm, "centre_mm": recipe.centre_mm}
        mask = nib.Nifti1Image(np.asarray(template.mask.dataobj, dtype=np.float32), template.mask.affine)
        self._outline = np.asarray(IDENTITY.apply(mask, **self._field).dataobj) > 0.5
        compared = self._field | {"size": min(recipe.size, COMPARED_SIZE)}
        self._compared = np.asarray(IDENTITY.apply(template.image, **compared).dataobj)
        self._compared_mask = np.asarray(IDENTITY.apply(mask, **compared).dataobj) > 0.5
        self._weights = overlap_weights(recipe.size, compared["size"])
        self._fixed = self._for_transform(template.image, np.asarray(template.mask.dataobj) > 0)

    def task(self, scan: str, source: Path, target: Path, excluded_because: str | None) -> ScanTask:
        def work(watch: Stopwatch) -> tuple[Verdict, dict[str, Any]]:
            if excluded_because is not None:
                return Verdict(reason="by_hand", message=f"{scan} is excluded by hand: {excluded_because}"), {}
            before = _extraction_record(scan, source)
            if before["status"] == EXCLUDED:
                return Verdict(reason=before["reason"], message=before["message"]), before["measures"]
            return self._register(scan, source, target, before["measures"], watch)

        record = source / "extraction.json"
        inputs = {
            "version": VERSION,
            "extraction": _extraction_record(scan, source)["fingerprint"] if record.is_file() else MISSING,
            "template": self._template.fingerprint,
            "recipe": asdict(self._recipe),
            "by_hand": excluded_because,
        }
        return ScanTask(
            scan=scan,
            record=target / "quality.json",
            fingerprint=fingerprint(inputs),
            outputs=(
                target / "T1w_brain.nii.gz",
                target / "brain_mask.nii.gz",
                target / "template_to_scan.mat",
                target / "quality.png",
            ),
            work=work,
        )

    def _register(
        self, scan: str, source: Path, target: Path, measures: dict[str, Any], watch: Stopwatch
    ) -> tuple[Verdict, dict[str, Any]]:
        head, mask = read_volume(source / "T1w.nii.gz"), nib.load(source / MASK_NAME)
        watch.lap("read")
        if self._recipe.bias_correction:
            head = correct_bias(head, mask, shrink_factor=_shrink_factor(head))
            watch.lap("bias")
        inside = np.asarray(mask.dataobj) > 0
        brain = nib.Nifti1Image(scale_inside(np.asarray(head.dataobj), inside), head.affine)
        registration = register_to_template(
            self._for_transform(brain, inside),
            self._fixed,
            transform=self._recipe.transform,
            seed=derive_seed(self._recipe.seed, "registration", scan),
            folder=target,
        )
        watch.lap("register")
        cube, cube_mask = self._on_cube(head, inside, registration)
        measures = measures | measure_registration(
            area_average(cube, self._weights),
            area_average(cube_mask.astype(np.float32), self._weights) > 0.5,
            self._compared,
            self._compared_mask,
            volume_ratio=registration.volume_ratio,
        )
        verdict = judge_registration(measures, self._recipe.thresholds, transform=self._recipe.transform)
        self._write(cube, cube_mask, target, f"{scan}   {verdict.status} {verdict.reason}   {_shown(measures)}")
        watch.lap("write")
        return verdict, measures

    def _for_transform(self, brain: nib.Nifti1Image, inside: np.ndarray) -> nib.Nifti1Image:
        """The brain on the voxels that its transform is found on."""
        voxel_mm = self._recipe.linear_voxel_mm
        if self._recipe.transform == "syn" or nib.affines.voxel_sizes(brain.affine).min() >= 0.9 * voxel_mm:
            return brain
        return resample_brain(brain, inside, voxel_mm=voxel_mm)[0]

    def _on_cube(
        self, head: nib.Nifti1Image, inside: np.ndarray, registration: Registration
    ) -> tuple[np.ndarray, np.ndarray]:
        """The brain alone, resampled so that the background does not bleed into its edge, and scaled on the cube."""
        weight = inside.astype(np.float32)
        brain = nib.Nifti1Image(np.asarray(head.dataobj, dtype=np.float32) * weight, head.affine)
        moved_brain = np.asarray(registration.apply(brain, **self._field).dataobj)
        share = np.asarray(registration.apply(nib.Nifti1Image(weight, head.affine), **self._field).dataobj)
        cube_mask = share > 0.5
        values = np.divide(moved_brain, share, out=np.zeros_like(moved_brain), where=cube_mask)
        return scale_inside(values, cube_mask, percentiles=self._recipe.percentiles), cube_mask

    def _write(self, cube: np.ndarray, cube_mask: np.ndarray, target: Path, title: str) -> None:
        recipe = self._recipe
        affine = grid_affine(recipe.size, field_mm=recipe.field_mm, centre_mm=recipe.centre_mm)
        write_volume(nib.Nifti1Image(cube, affine), target / "T1w_brain.nii.gz", unit_range=True)
        mask = nib.Nifti1Image(cube_mask.astype(np.uint8), affine)
        write_volume(mask, target / "brain_mask.nii.gz", dtype="uint8")
        write_picture(cube, cube_mask, self._outline, target / "quality.png", title=title)


def _extraction_record(scan: str, source: Path) -> dict[str, Any]:
    path = source / "extraction.json"
    if not path.is_file():
        raise ScanError("missing", f"{scan} has no {path}; run its brain extraction first.")
    return read_json(path)


def _shrink_factor(head: nib.Nifti1Image) -> int:
    """The bias field varies over tens of millimetres, so that N4 may work on voxels of about 8 mm.

    Spread of the white matter of heads/sub-16 (strong coil bias) 0.169 before, 0.088 at 8 mm in 1.7 CPU-s, 0.087 at
    4 mm in 11 CPU-s; 0.113 when N4 sees the whole head, which is why brains are extracted first.
    """
    return max(1, round(8.0 / float(nib.affines.voxel_sizes(head.affine).min())))


def _shown(measures: Mapping[str, Any]) -> str:
    return "  ".join(f"{name} {value:.3g}" for name, value in measures.items())
