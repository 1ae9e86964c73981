"""Seeds: every random draw of a study comes from (config seed, stage, entity)."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *entity: str | int) -> int:
    """Return a 63-bit seed for one entity of one stage, the same on every machine and in every run.

    Args:
        seed: the study's ``seed``.
        entity: what the draw is for, from coarse to fine: ``derive_seed(42, "sample", "wgp_hagan", 17)``.
    """
    words = "\x1f".join([str(int(seed)), *(f"{type(word).__name__}:{word}" for word in entity)])
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *entity: str | int) -> np.random.Generator:
    """Return a numpy generator seeded by :func:`derive_seed`."""
    return np.random.default_rng(derive_seed(seed, *entity))
