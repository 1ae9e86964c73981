"""A scorer without training: fluid, grey and white matter by brightness, against the tissues that were asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.filtering.scorers import StructureScores, check_asked, mean_inside, overlap
from mrisynth.imaging.atropos import class_probabilities
from mrisynth.imaging.tissue import TISSUES

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AtroposScorer:
    """Atropos (Avants et al. 2011) inside the mask that was asked for; a :class:`mrisynth.filtering.scorers.Scorer`.

    It tells tissues by brightness alone, so that it judges images of any model without a bias for those that
    a network was trained on, but it cannot tell one structure of a tissue from another: every structure has the scores
    of its tissue. Images must be free of bias fields, as preprocessed scans and images of models of them are.

    Attributes:
        structures: names of the classes of the masks, class 1 first.
        tissues: structure -> ``csf``, ``grey`` or ``white``; those that are missing here are not judged (NaN).
        order: the tissues from dark to bright, as in T1 by default.
        seed: of the start of the classes by brightness.
        name: of the scorer.
    """

    structures: tuple[str, ...]
    tissues: Mapping[str, str]
    order: tuple[str, str, str] = TISSUES
    seed: int = 0
    name: str = "atropos"

    def __post_init__(self) -> None:
        unknown = sorted(set(self.tissues.values()) - set(TISSUES))
        if unknown or sorted(self.order) != sorted(TISSUES):
            raise MrisynthError(
                f"The atropos scorer was given the tissues {unknown or list(self.order)}; it knows "
                f"{', '.join(TISSUES)}."
            )
        if not set(self.tissues) & set(self.structures):
            raise MrisynthError("The atropos scorer was given no tissue of any class of the masks; it judges nothing.")

    def score(self, images: np.ndarray, asked: np.ndarray) -> StructureScores:
        """Return overlaps of tissues, and as confidence the mean probability of a tissue inside what is found of it."""
        check_asked(images, asked, self.structures)
        number_of = {name: number for number, name in enumerate(TISSUES, start=1)}
        table = np.array([0, *(number_of.get(self.tissues.get(name, ""), 0) for name in self.structures)])
        scores = [self._of(image, mask, table) for image, mask in zip(images, asked, strict=True)]
        both = np.array(scores, dtype=np.float64).reshape(len(images), 2, len(self.structures))
        return StructureScores(both[:, 0], both[:, 1])

    def _of(self, image: np.ndarray, mask: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probabilities = self.probabilities(image, mask > 0)
        wanted = table[mask]
        judged = wanted > 0
        found = np.where(probabilities.any(axis=0) & judged, probabilities.argmax(axis=0) + 1, 0)
        iou, sure = np.full((2, len(table)), np.nan)
        for tissue in range(1, len(TISSUES) + 1):
            here = np.flatnonzero(table == tissue)
            iou[here] = overlap(found == tissue, wanted == tissue)
            sure[here] = mean_inside(probabilities[tissue - 1], found == tissue)
        absent = ~np.isin(np.arange(len(table)), mask)
        iou[absent] = np.nan
        sure[np.isnan(iou)] = np.nan
        return iou[1:], sure[1:]

    def probabilities(self, image: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Return the probability of each tissue, float32 [3, ...], in the order of the tissues.

        Zero everywhere where the image has so few greys that no three classes can be told apart.

        Args:
            image: float [...] in [-1, 1].
            inside: bool [...], where the brain was asked for.
        """
        bright = np.rint((np.clip(image, -1.0, 1.0) + 1.0) * 127.5)
        try:
            by_place = class_probabilities(bright, inside, priors=None, prior_weight=0.0, seed=self.seed)
        except ScanError as error:
            _LOG.warning("An image fails: %s", error)
            return np.zeros((len(TISSUES), *image.shape), dtype=np.float32)
        return np.stack([by_place[self.order.index(tissue)] for tissue in TISSUES])
