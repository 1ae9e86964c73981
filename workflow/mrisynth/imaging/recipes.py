"""The settings of the two stages of preprocessing."""

from __future__ import annotations

from dataclasses import dataclass

from mrisynth.imaging.grid import FIELD_CENTRE, FIELD_MM
from mrisynth.versions import VERSIONS

VERSION = 2 + VERSIONS["preprocessing"]  # done scans of another version are done again; it once counted alone


@dataclass(frozen=True, kw_only=True)
class ExtractionRecipe:
    """How brains are found (see :func:`~mrisynth.imaging.brain_extraction.make_extractor`).

    Attributes:
        voxel_mm: isotropic voxel size that heads are resampled to first.
        already_extracted: scans are brains on a background of 0; ``method`` is not used.
    """

    method: str = "deepbet"
    already_extracted: bool = False
    voxel_mm: float = 1.0
    weights: str | None = None
    test_time_augmentation: bool = False
    head_template: str | None = None
    head_mask: str | None = None
    seed: int = 0

    @property
    def effective_method(self) -> str:
        """The method, ``none`` for scans that are already extracted."""
        return "none" if self.already_extracted else self.method


@dataclass(frozen=True, kw_only=True)
class RegistrationRecipe:
    """How brains are put on the template's cube.

    Attributes:
        voxel_mm: isotropic voxel size that heads are resampled to first, as for the extraction.
        already_extracted: as for the extraction.
        transform: a preset of :mod:`~mrisynth.imaging.registration`.
        size: voxels a side of the cube that is written.
        field_mm: its field of view.
        centre_mm: the world point in its middle.
        bias_correction: run N4 inside the mask first.
        linear_voxel_mm: linear transforms are found on voxels at least this large. Five runs of heads/sub-15 on 1 mm
            (52 CPU-s) and 2 mm (5 CPU-s) differ by 0.25 to 0.37 mm on average over the brain, two seeds at 2 mm by
            0.23 mm.
        percentiles: of the robust intensity range inside the brain.
    """

    voxel_mm: float = 1.0
    already_extracted: bool = False
    transform: str = "affine"
    size: int = 256
    field_mm: float = FIELD_MM
    centre_mm: tuple[float, float, float] = FIELD_CENTRE
    seed: int = 0
    bias_correction: bool = True
    linear_voxel_mm: float = 2.0
    percentiles: tuple[float, float] = (0.5, 99.8)
