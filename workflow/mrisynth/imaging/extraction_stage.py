"""First stage of preprocessing, over a bundle of scans: find the brain in each head."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.errors import ScanError
from mrisynth.files import MISSING, sha256_of
from mrisynth.imaging.brain_extraction import BundleExtractor, make_extractor
from mrisynth.imaging.bundles import ScanTask, Stopwatch, fingerprint, run_bundle
from mrisynth.imaging.extracted import EXTRACTION_MEASURES, MASK_NAME, RECORD_NAME
from mrisynth.imaging.heads import read_head
from mrisynth.imaging.quality import measure_extraction, measure_intensity
from mrisynth.imaging.recipes import VERSION, ExtractionRecipe
from mrisynth.imaging.volume import write_volume

HEAD_NAME = "T1w.nii.gz"


def extract_bundle(
    scans: Mapping[str, Path | None],
    folder: str | Path,
    *,
    recipe: ExtractionRecipe,
    device: str = "cpu",
    keep_intermediate: bool = False,
) -> pd.DataFrame:
    """Read, check, turn and resample heads and find their brains.

    Writes ``folder/{scan}/mask.nii.gz`` (uint8, on the isotropic RAS+ grid) and ``extraction.json``. A scan whose
    ``extraction.json`` carries the fingerprint of the same bytes and recipe is left alone.

    Args:
        scans: scan to its file; None or a file that is not there makes an excluded row ``missing``.
        folder: where the scans' folders go.
        recipe: how.
        device: of the extraction network; ``auto`` takes a GPU where there is one.
        keep_intermediate: also keep the resampled head as ``T1w.nii.gz``.

    Returns:
        One row a scan in the order given: scan, status (``measured`` or ``excluded``), reason, message, brain_ml,
        cut_fraction, intensity_range, clipped_fraction, fingerprint.

    Raises:
        MrisynthError: the recipe cannot work (unknown method, weights missing); never for one bad scan.
    """
    extractor = make_extractor(
        recipe.effective_method,
        device=device,
        weights=recipe.weights,
        test_time_augmentation=recipe.test_time_augmentation,
        head_template=recipe.head_template,
        head_mask=recipe.head_mask,
        seed=recipe.seed,
    )
    tasks = [
        _task(scan, path, Path(folder) / scan, recipe, extractor, keep_intermediate=keep_intermediate)
        for scan, path in scans.items()
    ]
    return run_bundle(tasks, what="brain extraction", measures=EXTRACTION_MEASURES)


def _task(
    scan: str,
    path: Path | None,
    folder: Path,
    recipe: ExtractionRecipe,
    extractor: BundleExtractor,
    *,
    keep_intermediate: bool,
) -> ScanTask:
    def work(watch: Stopwatch) -> dict[str, Any]:
        head = read_head(path, voxel_mm=recipe.voxel_mm, already_extracted=recipe.already_extracted)
        watch.lap("read_and_resample")
        if keep_intermediate:
            write_volume(head, folder / HEAD_NAME)
        with tempfile.TemporaryDirectory(prefix="mrisynth-extraction-") as scratch:
            plain = Path(scratch) / scan / "T1w.nii"
            write_volume(head, plain)
            found = extractor.extract({scan: plain}, folder.parent)[scan]
        watch.lap("extract")
        if isinstance(found, ScanError):
            raise ScanError(found.reason, str(found).replace(str(plain), str(path)))
        mask = np.asarray(nib.load(found).dataobj) > 0
        measures = measure_extraction(mask, voxel_mm=recipe.voxel_mm)
        return measures | measure_intensity(np.asarray(head.dataobj), mask)

    present = path is not None and path.is_file()
    inputs = {
        "version": VERSION,
        "sha256": sha256_of(path) if present else MISSING,
        "recipe": asdict(recipe),
        "extractor": extractor.identity,
    }
    kept = (folder / HEAD_NAME,) if keep_intermediate else ()
    return ScanTask(
        scan=scan,
        record=folder / RECORD_NAME,
        fingerprint=fingerprint(inputs),
        outputs=(folder / MASK_NAME, *kept),
        work=work,
    )
