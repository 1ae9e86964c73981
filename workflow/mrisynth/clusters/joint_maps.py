"""Joint maps: real slices and samples put into one plane together, by UMAP and by t-SNE."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from mrisynth.clusters.maps import fit_map, state_of
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.metrics.features import check_pair, standardised

_COMPONENTS = 50
_PERPLEXITY = 30.0
_SETTINGS = ClusterSettings(neighbours=15, min_distance=0.1)


def joint_maps(real: np.ndarray, samples: np.ndarray, *, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Fit a UMAP (McInnes et al. 2018) and a t-SNE (van der Maaten and Hinton 2008) to both sets at once.

    Features are standardised by the real ones and reduced to the 50 first principal components of both. Neither set is
    put into a map of the other afterwards (t-SNE could not), so that both methods show the same: whether the sets mix.

    Args:
        real: [n, d], finite.
        samples: [m, d], likewise; as many as real ones, or the larger set fills the map.
        seed: the study's seed.

    Returns:
        ``UMAP`` and ``t-SNE`` -> places of real ones and of samples, float64 [n, 2] and [m, 2]; axes without unit.

    Raises:
        MrisynthError: fewer than 4 rows of a set, another width, or a value that is not finite.
    """
    check_pair(real, samples, rows=4)
    both = standardised(np.concatenate([real, samples]), real)
    components = min(_COMPONENTS, len(both) - 1, both.shape[1])
    both = PCA(components, svd_solver="full").fit_transform(both)
    places = {
        "UMAP": fit_map(both, settings=_SETTINGS, seed=seed).coordinates,
        "t-SNE": TSNE(
            perplexity=min(_PERPLEXITY, (len(both) - 1) / 3), init="pca", random_state=state_of(seed, "t-SNE"), n_jobs=1
        ).fit_transform(both),
    }
    return {name: tuple(np.split(found.astype(np.float64), [len(real)])) for name, found in places.items()}
