"""The tissue of every voxel of one packed brain, by brightness and the priors of the template."""

from __future__ import annotations

import numpy as np

from mrisynth.imaging.atropos import class_probabilities
from mrisynth.imaging.tissue import TissueAtlas, brain_support
from mrisynth.label_classes import TISSUE_LABELS

_PRIOR_WEIGHT = 0.25
_PRIOR_FLOOR = 0.02  # no tissue is impossible anywhere: brains are registered affinely
_LEAST_FLUID = 0.05  # of the brain, in which fluid is the likeliest before the brain is seen
_MOSTLY = 0.5


def tissue_map(volume: np.ndarray, atlas: TissueAtlas, *, seed: int) -> np.ndarray:
    """Return a label map of a brain: fluid, grey matter, white matter, and fluid inside the region of the ventricles.

    Atropos (Avants et al. 2011) with the template's tissue maps as priors, whose order is that of the classes whatever
    the contrast of the scan is. Priors are blurred, so that fluid is hardly the likeliest tissue anywhere: they are
    raised until it is in a twentieth of the brain, for Atropos starts each class there. Ventricles are the fluid within
    8 mm of the template's lateral and third ventricles, with what lies there of the cisterns.

    Args:
        volume: uint8 [x, y, z], RAS+, as the pyramid packs it, on the grid of the atlas.
        atlas: priors and regions on that grid.
        seed: of ANTs.

    Returns:
        uint8 [x, y, z], values of :data:`mrisynth.label_classes.TISSUE_LABELS`, 0 outside the brain.

    Raises:
        ScanError: ``empty``, ``off_template`` or ``other_grid``, as
            :func:`mrisynth.imaging.tissue.brain_support`, or ``no_tissues``.
    """
    inside = brain_support(volume, atlas) & atlas.inside
    found = class_probabilities(volume, inside, priors=_priors(atlas, inside), prior_weight=_PRIOR_WEIGHT, seed=seed)
    labels = np.where(inside & found.any(axis=0), found.argmax(axis=0) + 1, 0).astype(np.uint8)
    near = np.zeros(inside.shape, dtype=bool)
    near[atlas.inside] = atlas.regions["ventricles"].share >= _MOSTLY
    labels[near & (labels == TISSUE_LABELS["csf"])] = TISSUE_LABELS["ventricles"]
    return labels


def _priors(atlas: TissueAtlas, inside: np.ndarray) -> np.ndarray:
    """Return the priors [3, x, y, z], which sum to 1 in every voxel."""
    floored = atlas.priors + np.float32(_PRIOR_FLOOR)
    lead = (floored[1:].max(axis=0) / floored[0])[inside[atlas.inside]]
    floored[0] *= max(1.0, float(np.quantile(lead, _LEAST_FLUID)))
    priors = np.full((len(floored), *inside.shape), 1.0 / len(floored), dtype=np.float32)
    priors[:, atlas.inside] = floored / floored.sum(axis=0)
    return priors
