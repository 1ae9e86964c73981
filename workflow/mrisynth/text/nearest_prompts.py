"""Which image has the prompt that is nearest to another one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrisynth.seeds import numpy_generator
from mrisynth.text.similarity import unit_rows

_BLOCK = 512  # prompts that are compared with all others at once
_EQUAL = 1e-6  # cosines that differ by less are of equal prompts


def nearest_prompts(
    prompts: np.ndarray,
    others: np.ndarray,
    *,
    names: Sequence[str],
    participants: Sequence[str],
    other_participants: Sequence[str],
    seed: int,
) -> np.ndarray:
    """Return the row of the nearest prompt by cosine, of another participant, int64 [n]; -1 where there is none.

    Many people have the same prompt: of equally near ones one is drawn, by the seed and the name alone.

    Args:
        prompts: [n, features], embedded.
        others: [m, features], in the same space.
        names: [n], of what the prompts are of; each draws for itself.
        participants: [n], whose they are; a sample of nobody is its own.
        other_participants: [m].
        seed: the study's.

    Raises:
        MrisynthError: an embedding is not finite or nothing but 0.
    """
    one, other = unit_rows(prompts, "prompts'"), unit_rows(others, "other prompts'")
    people, whose = np.asarray(participants, dtype=str), np.asarray(other_participants, dtype=str)
    found = np.full(len(one), -1, dtype=np.int64)
    for start in range(0, len(one), _BLOCK):
        cosines = one[start : start + _BLOCK] @ other.T
        for place, row in enumerate(cosines, start):
            may = whose != people[place]
            if may.any():
                near = np.flatnonzero(may & (row >= row[may].max() - _EQUAL))
                found[place] = numpy_generator(seed, "nearest prompt", names[place]).choice(near)
    return found
