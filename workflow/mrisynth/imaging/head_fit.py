"""Where a template head lies in a scan: an affine transform, checked, and begun from elsewhere when it failed."""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from mrisynth.errors import ScanError
from mrisynth.imaging.ants_bridge import ants, ants_seed, from_ants, read_linear, to_ants, write_linear
from mrisynth.imaging.resampling import resample_to_voxel

VOXEL_MM = 4.0  # finer voxels move the mask by less than its edge is then moved by the intensities
MARGIN_MM = 12.0  # skull and scalp around the brain help to place it; face and neck differ too much
HEAD_LEVEL = 0.15  # of the bright tissue: above it is head, below it air and bone
CROWN_MM = 150.0  # brain, without the neck that fields of view hold more or less of
COIL_MM = 20.0  # standard deviation of the Gaussian that follows the unevenness of a surface coil
PITCHES_DEGREES = (0.0, 25.0, -25.0)
SURE, LEAST = 0.55, 0.55  # correlations after the search and at the end; see HeadTemplate.fit
SEARCH = {"aff_iterations": (200,), "aff_shrink_factors": (2,), "aff_smoothing_sigmas": (1,)}
REFINEMENT = {"aff_iterations": (50,), "aff_shrink_factors": (1,), "aff_smoothing_sigmas": (0,)}


@dataclass(frozen=True, kw_only=True)
class HeadFit:
    """Where the points of a template head lie in a scan.

    Attributes:
        matrix: float64 [4, 4], template world mm to scan world mm, RAS+.
        similarity: correlation of the scan's intensities with the template's, in and around the template's brain.
    """

    matrix: np.ndarray
    similarity: float


class HeadTemplate:
    """A template head, ready to be fitted to scans.

    Args:
        head: float32 [x, y, z], RAS+, with its skull.
        mask: bool [x, y, z], its brain.
    """

    def __init__(self, head: nib.Nifti1Image, mask: np.ndarray) -> None:
        near = ndimage.distance_transform_edt(~mask, sampling=nib.affines.voxel_sizes(head.affine)) <= MARGIN_MM
        self._crown = _crown(scale_head(head))
        self._looks = [_Look(look(head), near, change=look) for look in (scale_head, even_head)]

    def fit(self, head: nib.Nifti1Image, *, seed: int) -> HeadFit:
        """Find the affine transform from template to scan with ANTs (Avants et al. 2011), from one start or several.

        Searched on voxels of 8 mm by correlation of the intensities, refined on 4 mm. The centre of mass of a whole
        scan is a poor start, since it follows the neck: 10 of 24 IXI heads stayed centimetres off. The first start is
        therefore that of the upper part of the head. When the correlation stays below 0.55 (right fits of ten hard
        heads: 0.58 to 0.71, wrong ones 0.51 at most), intensities are evened out as under a surface coil, and the head
        is pitched forward and back and put into the middle of the field; the best start is refined and judged again.

        Args:
            head: [x, y, z], RAS+.
            seed: of ANTs' random sampling; the same input and seed give the same fit bit for bit.

        Raises:
            ScanError: reason ``no_brain`` when no start leads to a head.
        """
        coarse = resample_to_voxel(head, voxel_mm=VOXEL_MM)
        look, best = self._search(coarse, seed=seed)
        best = look.fit_from(best.matrix, look.change(coarse), seed=seed, settings=REFINEMENT, share=0.2)
        if best.similarity < LEAST:
            raise ScanError(
                "no_brain",
                f"the template head fits this scan with a correlation of {best.similarity:.2f}; expected {LEAST} or "
                "more. Look at its picture: it may be no T1-weighted head, or turned; `deepbet` may find its brain.",
            )
        return best

    def _search(self, coarse: nib.Nifti1Image, *, seed: int) -> tuple[_Look, HeadFit]:
        tried = []
        for centre_of, pitch in itertools.product((_crown, _middle), PITCHES_DEGREES):
            for look in self._looks:
                moving = look.change(coarse)
                start = _turned(pitch, about=self._crown, onto=centre_of(moving))
                found = look.fit_from(start, moving, seed=seed, settings=SEARCH, share=1.0)
                if found.similarity >= SURE:
                    return look, found
                logging.getLogger(__name__).info("the template head fits with %.2f only", found.similarity)
                tried.append((look, found))
        return max(tried, key=lambda pair: pair[1].similarity)


class _Look:
    """The template around its brain, with its intensities changed in one way, and what compares a scan with it."""

    def __init__(
        self, head: nib.Nifti1Image, near: np.ndarray, *, change: Callable[[nib.Nifti1Image], nib.Nifti1Image]
    ) -> None:
        self.change = change
        box = tuple(slice(int(where.min()), int(where.max()) + 1) for where in np.nonzero(near))
        affine = head.affine @ nib.affines.from_matvec(np.eye(3), [side.start for side in box])
        self._fixed, inside = (
            resample_to_voxel(nib.Nifti1Image(volume[box].astype(np.float32), affine), voxel_mm=VOXEL_MM)
            for volume in (np.asarray(head.dataobj), near)
        )
        self._inside = np.asarray(inside.dataobj) > 0.5

    def fit_from(
        self, start: np.ndarray, moving: nib.Nifti1Image, *, seed: int, settings: dict[str, Any], share: float
    ) -> HeadFit:
        """Fit from one start (template to scan, world mm), with that share of the voxels sampled."""
        with tempfile.TemporaryDirectory(prefix="mrisynth-atlas-") as scratch, ants_seed(seed):
            write_linear(start, Path(scratch) / "start.mat")
            try:
                found = ants.registration(
                    fixed=to_ants(self._fixed),
                    moving=to_ants(moving),
                    type_of_transform="Affine",
                    initial_transform=f"{scratch}/start.mat",
                    mask=to_ants(nib.Nifti1Image(self._inside.astype(np.float32), self._fixed.affine)),
                    mask_all_stages=True,
                    aff_metric="GC",
                    aff_random_sampling_rate=share,
                    outprefix=f"{scratch}/",
                    **settings,
                )
            except (RuntimeError, ValueError):  # ANTs gives up when the images do not overlap
                return HeadFit(matrix=start, similarity=-1.0)
            moved = np.asarray(from_ants(found["warpedmovout"]).dataobj)
            return HeadFit(matrix=read_linear(found["fwdtransforms"][0]), similarity=self._similarity(moved))

    def _similarity(self, moved: np.ndarray) -> float:
        values = moved[self._inside]
        if values.std() < 1e-6:
            return -1.0
        return float(np.corrcoef(np.asarray(self._fixed.dataobj)[self._inside], values)[0, 1])


def scale_head(head: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return a head as float32 in 0..1: 1 is the 99th percentile of what is brighter than air and bone."""
    values = np.asarray(head.dataobj, dtype=np.float32)
    bright = values[values > 0.1 * np.percentile(values, 99)]
    top = float(np.percentile(bright, 99)) if bright.size else 1.0
    return nib.Nifti1Image(np.clip(values / top, 0, 1), head.affine)


def even_head(head: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return a head as float32 in 0..1 with its intensities evened out: 0.5 is their mean within some centimetres."""
    values = np.asarray(head.dataobj, dtype=np.float32)
    weight = (values > 0.05 * np.percentile(values, 99)).astype(np.float32)
    sigma = COIL_MM / np.asarray(nib.affines.voxel_sizes(head.affine))
    total, share = (ndimage.gaussian_filter(volume, sigma) for volume in (values * weight, weight))
    level = total / np.maximum(share, 1e-3)
    least = max(0.1 * float(level.max()), 1e-9)  # air stays dark
    return nib.Nifti1Image(np.clip(0.5 * values / np.maximum(level, least), 0, 1), head.affine)


def _crown(head: nib.Nifti1Image) -> np.ndarray:
    """The centre of mass of the upper part of a scaled head's outline, in world mm."""
    outline = np.asarray(head.dataobj) > HEAD_LEVEL
    slices = np.nonzero(outline.mean(axis=(0, 1)) > 0.02)[0]
    if not slices.size:
        raise ScanError("no_brain", "this scan shows no head: hardly any voxel is brighter than its background.")
    lowest = slices[-1] - round(CROWN_MM / float(nib.affines.voxel_sizes(head.affine)[2]))
    outline[:, :, : max(0, lowest + 1)] = False
    return nib.affines.apply_affine(head.affine, ndimage.center_of_mass(outline))


def _middle(head: nib.Nifti1Image) -> np.ndarray:
    """The middle of a scan's field, in world mm."""
    return nib.affines.apply_affine(head.affine, (np.asarray(head.shape) - 1) / 2)


def _turned(pitch_degrees: float, *, about: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """The rotation about the left-right axis through one point that carries this point onto another."""
    cosine, sine = np.cos(np.deg2rad(pitch_degrees)), np.sin(np.deg2rad(pitch_degrees))
    rotation = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return nib.affines.from_matvec(rotation, onto - rotation @ about)
