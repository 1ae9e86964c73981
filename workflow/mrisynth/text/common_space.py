"""A space that images and prompts share, learned from pairs of both by partial least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.features import check_features, standardised
from mrisynth.seeds import derive_seed

LEAST, MOST = 2, 8
"""Components that a space has at least, since a cosine of one is no more than a sign, and at most."""

_FOLDS = 5
_COMPARED = 1000  # pairs of those that are left out, at most
_NOTHING = 1e-9  # of the largest singular value: such components are of no covariance


@dataclass(frozen=True, kw_only=True)
class CommonSpace:
    """Linear maps of two kinds of embeddings to the same few components.

    Components are the singular vectors of the covariance of both kinds, each feature in standard deviations (partial
    least squares by one decomposition, "PLSSVD"; Wegelin 2000), and are scaled to a standard deviation of 1 among the
    pairs that they were learned from. A cosine in this space says whether an image and a prompt lie on the same side of
    the average in what goes together in both.

    Attributes:
        images: [n, image features], of the pairs that the space was learned from.
        prompts: [n, prompt features], row by row theirs.
        image_map: [image features, components].
        prompt_map: [prompt features, components].
    """

    images: np.ndarray
    prompts: np.ndarray
    image_map: np.ndarray
    prompt_map: np.ndarray

    @classmethod
    def fit(cls, images: np.ndarray, prompts: np.ndarray, *, participants: Sequence[str], seed: int) -> CommonSpace:
        """Learn the space.

        The number of components, of :data:`LEAST` to :data:`MOST` where there are as many, is the one by which the own
        prompt of an image is most often nearer to it than that of another, among participants that were left out of
        the fit, five times a fifth of them; of equally good numbers the smallest.

        Args:
            images: [n, image features].
            prompts: [n, prompt features], row by row theirs.
            participants: [n], whose each pair is.
            seed: of which participants are left out together.

        Raises:
            MrisynthError: there are fewer than two pairs, an embedding is not finite, or nothing varies together.
        """
        check_features(images, "training image", rows=2)
        check_features(prompts, "training prompt", rows=2)
        people = np.asarray(participants, dtype=str)
        if not len(images) == len(prompts) == len(people):
            raise MrisynthError(
                f"Found {len(images)} images, {len(prompts)} prompts and {len(people)} participants; expected as many."
            )
        best = _best_number(images, prompts, people, seed=seed)
        return _fitted(images, prompts).cut(best)

    @property
    def components(self) -> int:
        """Number of components."""
        return self.image_map.shape[1]

    def of_images(self, images: np.ndarray) -> np.ndarray:
        """Return embeddings of images [m, image features] in the space, float64 [m, components]."""
        return standardised(images, self.images) @ self.image_map

    def standardised_images(self, images: np.ndarray) -> np.ndarray:
        """Return embeddings of images in standard deviations of those that the space was learned from, all features."""
        return standardised(images, self.images)

    def of_prompts(self, prompts: np.ndarray) -> np.ndarray:
        """Return embeddings of prompts [m, prompt features] in the space, float64 [m, components]."""
        return standardised(prompts, self.prompts) @ self.prompt_map

    def cut(self, components: int) -> CommonSpace:
        """Return the space with its first components alone."""
        return CommonSpace(
            images=self.images, prompts=self.prompts, image_map=self.image_map[:, :components],
            prompt_map=self.prompt_map[:, :components],
        )  # fmt: skip


def _fitted(images: np.ndarray, prompts: np.ndarray) -> CommonSpace:
    """Return the space with as many components as there can be, up to :data:`MOST`."""
    one, other = standardised(images, images), standardised(prompts, prompts)
    left, values, right = np.linalg.svd(one.T @ other / len(one), full_matrices=False)
    count = min(MOST, len(images) - 1, int((values > _NOTHING * max(values[0], _NOTHING)).sum()))
    maps = left[:, :count], right[:count].T
    spreads = (one @ maps[0]).std(axis=0), (other @ maps[1]).std(axis=0)
    if count == 0 or not all((spread > 0).all() for spread in spreads):
        raise MrisynthError(
            f"Nothing varies together in {len(images)} training images and their prompts, so they have no space in "
            "common; use more scans, or columns of prompts that differ between them."
        )
    return CommonSpace(images=images, prompts=prompts, image_map=maps[0] / spreads[0], prompt_map=maps[1] / spreads[1])


def _best_number(images: np.ndarray, prompts: np.ndarray, people: np.ndarray, *, seed: int) -> int:
    """Return how many components tell right pairs best of participants that were left out; the fewest for too few."""
    ordered = sorted(set(people.tolist()), key=lambda name: derive_seed(seed, "common space", name))
    shares = np.zeros(MOST + 1 - LEAST)
    for fold in range(_FOLDS):
        out = np.isin(people, ordered[fold::_FOLDS])
        if min(out.sum(), (~out).sum()) < 2:
            continue
        try:
            space = _fitted(images[~out], prompts[~out])
        except MrisynthError:  # prompts of those who are left do not differ
            continue
        rows = np.flatnonzero(out)
        some = rows[np.linspace(0, len(rows) - 1, min(_COMPARED, len(rows))).astype(int)]
        one, other = space.of_images(images[some]), space.of_prompts(prompts[some])
        for place in range(len(shares)):
            count = LEAST + place
            shares[place] += _nearer(one[:, :count], other[:, :count]) * len(rows)
    return LEAST + int(np.argmax(shares.round(9)))


def _nearer(images: np.ndarray, prompts: np.ndarray) -> float:
    """Return how often an image's own prompt has a higher cosine than that of another; equal ones count half."""
    first, second = (
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (images, prompts)
    )
    cosines = (first @ second.T).round(9)
    own = np.diag(cosines)[:, None]
    apart = (own > cosines).sum() + 0.5 * ((own == cosines).sum() - len(own))
    return float(apart / (len(own) * (len(own) - 1)))
