"""Real brains that several tests cut in their own way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage


@dataclass(frozen=True)
class LabelledBrain:
    """The inside of a head's label map: values 0 to 1 (0 outside), the mask, and the edges of a voxel, all RAS+."""

    values: np.ndarray
    mask: np.ndarray
    voxel_mm: np.ndarray


@pytest.fixture(scope="session")
def labelled_brain(shared_data: Path) -> Callable[[Path], LabelledBrain]:
    """Reads one of the IXI heads at 2 mm and cuts its brain out by its DLMUSE label map."""

    def read(head: Path) -> LabelledBrain:
        labels = shared_data / "labels" / "ixi_2mm_dlmuse" / head.name.replace(".nii.gz", "_DLMUSE.nii.gz")
        image, label = (nib.as_closest_canonical(nib.load(path)) for path in (head, labels))
        mask = ndimage.binary_fill_holes(np.asarray(label.dataobj) > 0)
        values = np.asarray(image.dataobj, dtype=np.float32)
        values = np.clip(values / np.percentile(values[mask], 99.8), 0, 1) * mask
        return LabelledBrain(values, mask, np.array(image.header.get_zooms()))

    return read
