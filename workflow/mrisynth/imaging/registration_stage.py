"""Second stage of preprocessing, over a bundle of scans: put each brain on the template's cube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.errors import ScanError
from mrisynth.files import MISSING, read_json
from mrisynth.imaging.bias import correct_bias
from mrisynth.imaging.bundles import EXCLUDED, ScanTask, Stopwatch, fingerprint, run_bundle
from mrisynth.imaging.extracted import EXTRACTION_MEASURES, MASK_NAME, RECORD_NAME
from mrisynth.imaging.grid import grid_affine
from mrisynth.imaging.heads import read_head
from mrisynth.imaging.intensity import scale_inside
from mrisynth.imaging.pictures import write_mosaic
from mrisynth.imaging.quality import measure_bias, measure_registration
from mrisynth.imaging.recipes import VERSION, RegistrationRecipe
from mrisynth.imaging.registration import DEFORMABLE, Registration, register_to_template
from mrisynth.imaging.template import Template
from mrisynth.imaging.volume import resample_brain, write_volume
from mrisynth.seeds import derive_seed
from mrisynth.store import area_average, overlap_weights

BRAIN_NAME, CUBE_MASK_NAME, CORRECTED_NAME = "T1w_brain.nii.gz", "brain_mask.nii.gz", "T1w_corrected.nii.gz"
QUALITY_NAME, PICTURE_NAME = "quality.json", "quality.png"
MEASURES = (
    *EXTRACTION_MEASURES,
    "bias",
    "overlap",
    "correlation",
    "orientation_margin",
    "volume_ratio",
    "rotation_deg",
    "outside_fraction",
    "folds",
)
ON_PICTURE = ("brain_ml", "bias", "overlap", "correlation", "orientation_margin", "volume_ratio", "rotation_deg")
COMPARED_SIZE = 64  # brains are compared with the template at this size, so that measures do not depend on the cube's
IDENTITY = Registration(files=(), matrix=np.eye(4))


def register_bundle(
    scans: Mapping[str, Path | None],
    extraction_folder: str | Path,
    folder: str | Path,
    *,
    template: Template,
    recipe: RegistrationRecipe,
    keep_intermediate: bool = False,
) -> pd.DataFrame:
    """Correct bias, register, scale and write the cube of each scan whose brain was found.

    Writes ``folder/{scan}/T1w_brain.nii.gz`` (0..1 stored as scaled uint16, cube of ``recipe.size``, 0 = background),
    ``brain_mask.nii.gz`` (uint8, equal to brain > 0), ``template_to_scan.mat`` (and its warp for a deformation),
    ``quality.png`` and, last, ``quality.json``; the json also for scans excluded in extraction. What is measured is
    judged later, over the whole cohort (:mod:`~mrisynth.imaging.verdicts`).

    Args:
        scans: scan to its file.
        extraction_folder: where :func:`~mrisynth.imaging.extraction_stage.extract_bundle` wrote.
        folder: where the scans' folders go.
        template: what to register to.
        recipe: how.
        keep_intermediate: also keep the head after bias correction as ``T1w_corrected.nii.gz``.

    Returns:
        One row a scan in the order given: scan, status (``measured`` or ``excluded``), reason, message, all measures,
        fingerprint.
    """
    stage = _RegistrationStage(template, recipe, keep_intermediate=keep_intermediate)
    tasks = [
        stage.task(scan, path, Path(extraction_folder) / scan, Path(folder) / scan) for scan, path in scans.items()
    ]
    return run_bundle(tasks, what="registration", measures=MEASURES)


class _RegistrationStage:
    """What the scans of one bundle share: the template, on its own grid and on the cube."""

    def __init__(self, template: Template, recipe: RegistrationRecipe, *, keep_intermediate: bool) -> None:
        self._template = template
        self._recipe = recipe
        self._keep = keep_intermediate
        self._field = {"size": recipe.size, "field_mm": recipe.field_mm, "centre_mm": recipe.centre_mm}
        mask = nib.Nifti1Image(np.asarray(template.mask.dataobj, dtype=np.float32), template.mask.affine)
        self._outline = np.asarray(IDENTITY.apply(mask, **self._field).dataobj) > 0.5
        compared = self._field | {"size": min(recipe.size, COMPARED_SIZE)}
        self._compared = np.asarray(IDENTITY.apply(template.image, **compared).dataobj)
        self._compared_mask = np.asarray(IDENTITY.apply(mask, **compared).dataobj) > 0.5
        self._weights = overlap_weights(recipe.size, compared["size"])
        self._fixed = self._for_transform(template.image, np.asarray(template.mask.dataobj) > 0)
        if recipe.transform == "as_published" and template.head is not None:
            self._fixed = template.head

    def task(self, scan: str, path: Path | None, source: Path, target: Path) -> ScanTask:
        def work(watch: Stopwatch) -> dict[str, Any]:
            before = _extraction_record(scan, source)
            measures = dict(before["measures"])
            try:
                if before["status"] == EXCLUDED:
                    raise ScanError(before["reason"], before["message"])
                self._register(scan, path, source, target, watch, measures)
            except ScanError as error:
                self._draw_head(scan, path, source, target, because=error.reason)
                raise ScanError(error.reason, str(error), measures) from error
            return measures

        record = source / RECORD_NAME
        inputs = {
            "version": VERSION,
            "extraction": _extraction_record(scan, source)["fingerprint"] if record.is_file() else MISSING,
            "template": self._template.fingerprint,
            "recipe": asdict(self._recipe),
        }
        names = (BRAIN_NAME, CUBE_MASK_NAME, "template_to_scan.mat", PICTURE_NAME)
        kept = (CORRECTED_NAME,) if self._keep else ()
        return ScanTask(
            scan=scan,
            record=target / QUALITY_NAME,
            fingerprint=fingerprint(inputs),
            outputs=tuple(target / name for name in (*names, *kept)),
            work=work,
        )

    def _register(
        self, scan: str, path: Path | None, source: Path, target: Path, watch: Stopwatch, measures: dict[str, Any]
    ) -> None:
        """Write the scan's files and add to its measures, so that a failure keeps what was measured before it."""
        recipe = self._recipe
        head = read_head(path, voxel_mm=recipe.voxel_mm, already_extracted=recipe.already_extracted)
        mask = nib.load(source / MASK_NAME)
        inside = np.asarray(mask.dataobj) > 0
        watch.lap("read")
        corrected = head
        if recipe.bias_correction:
            corrected = correct_bias(head, mask, shrink_factor=_shrink_factor(head))
            measures |= measure_bias(np.asarray(head.dataobj), np.asarray(corrected.dataobj), inside)
            watch.lap("bias")
        if self._keep:
            write_volume(corrected, target / CORRECTED_NAME)
        brain = nib.Nifti1Image(scale_inside(np.asarray(corrected.dataobj), inside), head.affine)
        registration = register_to_template(
            self._for_transform(brain, inside),
            self._fixed,
            transform=recipe.transform,
            seed=derive_seed(recipe.seed, "registration", scan),
            folder=target,
            template_mask=self._template.mask,
        )
        if recipe.transform in DEFORMABLE:
            measures["folds"] = registration.folds(self._template.mask)
        watch.lap("register")
        cube, cube_mask = self._on_cube(corrected, inside, registration)
        measures |= measure_registration(
            area_average(cube, self._weights),
            area_average(cube_mask.astype(np.float32), self._weights) > 0.5,
            self._compared,
            self._compared_mask,
            matrix=registration.matrix,
        )
        self._write(cube, cube_mask, target)
        self._draw(scan, head, inside, target, cube=cube, cube_mask=cube_mask, lines=_shown(measures))
        watch.lap("write")

    def _for_transform(self, brain: nib.Nifti1Image, inside: np.ndarray) -> nib.Nifti1Image:
        """The brain on the voxels that its transform is found on."""
        voxel_mm = self._recipe.linear_voxel_mm
        deformable = self._recipe.transform in DEFORMABLE
        if deformable or nib.affines.voxel_sizes(brain.affine).min() >= 0.9 * voxel_mm:
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

    def _write(self, cube: np.ndarray, cube_mask: np.ndarray, target: Path) -> None:
        recipe = self._recipe
        affine = grid_affine(recipe.size, field_mm=recipe.field_mm, centre_mm=recipe.centre_mm)
        write_volume(nib.Nifti1Image(cube, affine), target / BRAIN_NAME, unit_range=True)
        mask = nib.Nifti1Image(cube_mask.astype(np.uint8), affine)
        write_volume(mask, target / CUBE_MASK_NAME, dtype="uint8")

    def _draw(self, scan: str, head: nib.Nifti1Image, inside: np.ndarray | None, target: Path, **more: Any) -> None:
        write_mosaic(
            target / PICTURE_NAME,
            head=np.asarray(head.dataobj),
            head_mask=inside,
            head_voxel_mm=self._recipe.voxel_mm,
            template_mask=self._outline if "cube" in more else None,
            title=scan,
            **more,
        )

    def _draw_head(self, scan: str, path: Path | None, source: Path, target: Path, *, because: str) -> None:
        """The picture of a scan that cannot be registered: its head, where that can be read."""
        recipe = self._recipe
        try:
            head = read_head(path, voxel_mm=recipe.voxel_mm, already_extracted=recipe.already_extracted)
        except ScanError:
            return
        mask = source / MASK_NAME
        inside = np.asarray(nib.load(mask).dataobj) > 0 if mask.is_file() else None
        self._draw(scan, head, inside, target, lines=[because])


def _extraction_record(scan: str, source: Path) -> dict[str, Any]:
    path = source / RECORD_NAME
    if not path.is_file():
        raise ScanError("missing", f"{scan} has no {path}; run its brain extraction first.")
    return read_json(path)


def _shrink_factor(head: nib.Nifti1Image) -> int:
    """The bias field varies over tens of millimetres, so that N4 may work on voxels of about 8 mm.

    Spread of the white matter of heads/sub-16 (strong coil bias) 0.169 before, 0.088 at 8 mm in 1.7 CPU-s, 0.087 at
    4 mm in 11 CPU-s; 0.113 when N4 sees the whole head, which is why brains are extracted first.
    """
    return max(1, round(8.0 / float(nib.affines.voxel_sizes(head.affine).min())))


def _shown(measures: Mapping[str, Any]) -> list[str]:
    """The measures that a picture has room for, a few words each."""
    return [f"{name.replace('_', ' ')} {measures[name]:.4g}" for name in ON_PICTURE if name in measures]
