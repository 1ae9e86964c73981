"""Centre lines of drawn shapes."""

from __future__ import annotations

import numpy as np

_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""Steps (down, right) to the neighbours of a point, from north clockwise."""


def centre_lines(shapes: np.ndarray) -> np.ndarray:
    """Thin shapes to lines one point wide that keep their ends, branches and holes (Zhang and Suen 1984).

    Args:
        shapes: bool [n, rows, columns].

    Returns:
        bool [n, rows, columns], a part of ``shapes``.
    """
    padded = np.pad(shapes, ((0, 0), (1, 1), (1, 1)))
    active = np.arange(len(padded))
    while len(active):
        part = padded[active]
        before = part.sum(axis=(1, 2))
        for goes in _GOES:
            inner = part[:, 1:-1, 1:-1]
            inner &= ~goes[_surroundings(part)]
        padded[active] = part
        active = active[part.sum(axis=(1, 2)) < before]
    return padded[:, 1:-1, 1:-1]


def _surroundings(padded: np.ndarray) -> np.ndarray:
    """Return uint8 [n, rows, columns]: bit b is set where neighbour b of a point is."""
    rows, columns = padded.shape[1] - 2, padded.shape[2] - 2
    codes = np.zeros((len(padded), rows, columns), dtype=np.uint8)
    for bit, (down, right) in enumerate(_AROUND):
        beside = padded[:, 1 + down : 1 + down + rows, 1 + right : 1 + right + columns].view(np.uint8)
        codes |= beside << np.uint8(bit)
    return codes


def _table(*, second: bool) -> np.ndarray:
    """Return bool [256], whether a point with such neighbours goes in the first or the second half of a step."""
    around = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    count = around.sum(axis=1)
    changes = (~around & np.roll(around, -1, axis=1)).sum(axis=1)
    north, east, south, west = around[:, 0], around[:, 2], around[:, 4], around[:, 6]
    held = (north & west & (east | south)) if second else (east & south & (north | west))
    return (count >= 2) & (count <= 6) & (changes == 1) & ~held


_GOES = (_table(second=False), _table(second=True))
