"""How much one brain is the other: correlation of what each has beyond the mean brain, over shifts and the mirror."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from mrisynth.errors import MrisynthError

REACH_MM = 6.0
"""Shifts are searched up to this far along each axis."""

_STEP_MM = 2.0
_CANDIDATES = 5  # training scans that are looked at again, of each sample and of its mirror image
_BLOCK_ROWS = 32
_ALIKE = 1e-6  # of the energy of a brain: what is left of one that equals the mean brain


@dataclass(frozen=True)
class BrainMatcher:
    """Training scans, ready to be compared with.

    Attributes:
        mask: bool [x, y, z], the mean brain and one voxel around it.
        shared: float32 [15, voxels of the mask], orthonormal: the mean brain, how it changes when it is moved, turned,
            stretched or scaled in intensity; what two brains share along these tells nothing about persons.
        residuals: float32 [scan, voxels of the mask], length 1: each training scan without its part along ``shared``.
        participants: [scan], the participant of each.
        voxel_mm: edge of a voxel.
    """

    mask: np.ndarray
    shared: np.ndarray
    residuals: np.ndarray
    participants: np.ndarray
    voxel_mm: float


@dataclass(frozen=True)
class Matches:
    """The closest training scan of each of n volumes.

    Attributes:
        closest: int [n], its row.
        similarity: [n], correlation of the residuals at the best shift, -1 to 1.
        second: [n], the same for the closest scan of any other participant (missing with one participant).
        mirrored: bool [n], whether the left-right mirror image of the volume is what matches.
        shift_mm: [n, 3], how the (mirrored) volume was moved.
    """

    closest: np.ndarray
    similarity: np.ndarray
    second: np.ndarray
    mirrored: np.ndarray
    shift_mm: np.ndarray


def fit_matcher(training: np.ndarray, participants: Sequence[str], *, voxel_mm: float) -> BrainMatcher:
    """Return what is needed to find copies of training scans.

    Args:
        training: float32 [scan, x, y, z], cubes, any one scale, 0 = background.
        participants: of each scan.
        voxel_mm: edge of a voxel.

    Raises:
        MrisynthError: fewer than two scans, or no brain in them.
    """
    if len(training) < 2:
        raise MrisynthError(f"Copies are sought among 2 training scans or more, found {len(training)}.")
    mean = training.mean(axis=0)
    brain = (training > 0).mean(axis=0) > 0.5
    if not brain.any():
        raise MrisynthError("The training scans share no voxel above 0; pack the pyramid again.")
    mask = ndimage.binary_dilation(brain)
    shared = shared_directions(mean, mask)
    residuals = unit_residuals(training, mask, shared)
    return BrainMatcher(mask, shared, residuals, np.asarray(participants), voxel_mm)


def find_closest(volumes: np.ndarray, matcher: BrainMatcher) -> Matches:
    """Return the closest training scan of each volume.

    All training scans are compared where they lie by one matrix product; the best few again at every shift, by
    Fourier transforms that move the volume by parts of a voxel.

    Args:
        volumes: float32 [n, x, y, z] in the scale and on the grid of the training scans.
    """
    found = [_refined(volumes, matcher), _refined(volumes[:, ::-1], matcher)]
    rows = np.concatenate([part[0] for part in found], axis=1)
    values = np.concatenate([part[1] for part in found], axis=1)
    shifts = np.concatenate([part[2] for part in found], axis=1)
    every, best = np.arange(len(volumes)), values.argmax(axis=1)
    closest = rows[every, best]
    others = matcher.participants[rows] != matcher.participants[closest][:, None]
    second = np.where(others, values, -np.inf).max(axis=1)
    return Matches(
        closest=closest,
        similarity=values[every, best],
        second=np.where(np.isfinite(second), second, np.nan),
        mirrored=best >= rows.shape[1] // 2,
        shift_mm=shifts[every, best],
    )


def shared_directions(mean: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the orthonormal directions [d, voxels of the mask] that brains share; see :class:`BrainMatcher`."""
    gradients = np.gradient(mean)
    places = np.indices(mean.shape) - (np.array(mean.shape).reshape(3, 1, 1, 1) - 1) / 2
    turned = [gradient * place for gradient in gradients for place in places]  # turns, stretches and shears
    columns = [np.ones_like(mean), mean, mean**2, *gradients, *turned]
    table = np.stack([column[mask] / max(float(np.abs(column[mask]).max()), 1e-9) for column in columns], axis=1)
    return np.linalg.qr(table)[0].T.astype(np.float32)


def unit_residuals(volumes: np.ndarray, mask: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Return volumes [n, x, y, z] inside the mask, without their part along ``shared``, of length 1: [n, voxels].

    A volume that has nothing of its own, such as an empty one, becomes 0.
    """
    values = volumes[:, mask].astype(np.float32)
    energy = np.einsum("ij,ij->i", values, values)
    values -= (values @ shared.T) @ shared
    length = np.sqrt(np.einsum("ij,ij->i", values, values))
    own = length > np.sqrt(_ALIKE * energy)
    return np.where(own[:, None], values / np.where(own, length, 1.0)[:, None], 0.0).astype(np.float32)


def _refined(volumes: np.ndarray, matcher: BrainMatcher) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows [n, c] of the best training scans, their similarity at the best shift, and that shift in mm."""
    inside = np.where(matcher.mask, volumes, 0.0).astype(np.float32)
    still = unit_residuals(inside, matcher.mask, matcher.shared) @ matcher.residuals.T
    count = min(_CANDIDATES, still.shape[1])
    rows = np.argsort(-still, axis=1)[:, :count]
    shifts = np.arange(-REACH_MM, REACH_MM + _STEP_MM / 2, _STEP_MM)
    phases = _phases(shifts / matcher.voxel_mm, matcher.mask.shape[0])
    shared = fft.fftn(_unmasked(matcher.shared, matcher.mask), axes=(1, 2, 3))
    values = np.empty(rows.shape)
    moved = np.empty((*rows.shape, 3))
    for start in range(0, len(volumes), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        spectra = fft.fftn(inside[block], axes=(1, 2, 3))
        energy = np.einsum("nxyz,nxyz->n", inside[block], inside[block])
        known = sum(_correlations(spectra, one, phases) ** 2 for one in shared)
        own = np.maximum(energy[:, None, None, None] - known, _ALIKE * np.maximum(energy, 1e-9)[:, None, None, None])
        for column in range(count):
            scans = fft.fftn(_unmasked(matcher.residuals[rows[block, column]], matcher.mask), axes=(1, 2, 3))
            flat = (_correlations(spectra, scans, phases) / np.sqrt(own)).reshape(len(spectra), -1)
            best = flat.argmax(axis=1)
            values[block, column] = flat[np.arange(len(flat)), best]
            moved[block, column] = shifts[np.stack(np.unravel_index(best, (len(shifts),) * 3), axis=1)]
    return rows, values, moved


def _phases(shifts: np.ndarray, edge: int) -> np.ndarray:
    """Return [shift, frequency]: what moving by a part of a voxel does to the spectrum along one axis."""
    return np.exp(-2j * np.pi * shifts[:, None] * fft.fftfreq(edge)[None]).astype(np.complex64)


def _correlations(spectra: np.ndarray, other: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """Return the inner products [n, shift x, shift y, shift z] of moved volumes with others, from their spectra."""
    product = spectra * other.conj()
    for _ in range(3):  # the axis done goes last: after three, the order is back
        product = np.tensordot(product, phases, axes=([1], [1]))
    return product.real / np.prod(spectra.shape[1:])


def _unmasked(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    volumes = np.zeros((len(values), *mask.shape), dtype=np.float32)
    volumes[:, mask] = values
    return volumes
