"""Bundles: which scans one preprocessing job works on; the standard library only, for it runs at every parse."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable

from mrisynth.cohorts.listing import ScanFile
from mrisynth.errors import ConfigError

_DEEPEST = 64


def divide(scans: Iterable[ScanFile], *, scans_per_job: int) -> dict[str, list[ScanFile]]:
    """Divide scans into bundles of at most ``scans_per_job``, each sorted by name, that hardly move when scans come.

    A scan lies in the bundle whose name, ``b`` and some bits, its own name's hash begins with. A bundle that would
    grow beyond ``scans_per_job`` is split by one bit more, as in extendible hashing (Fagin et al. 1979). So a scan that
    is added changes one bundle, or splits one; all others keep their name and their scans.

    Returns:
        Bundle (``b``, ``b0``, ``b10`` ...) to its scans, sorted by bundle; none is empty.

    Raises:
        ConfigError: ``scans_per_job`` is below 1.
    """
    if scans_per_job < 1:
        raise ConfigError(f"preprocessing.scans_per_job is {scans_per_job}; expected at least 1.")
    ordered = sorted(((_bits(scan.scan), scan) for scan in scans), key=lambda pair: pair[0])
    bits = [own for own, _ in ordered]
    found: dict[str, list[ScanFile]] = {}
    open_ = [("", 0, len(ordered))]  # bits that scans begin with, and where such scans stand
    while open_:
        prefix, first, end = open_.pop()
        if end - first > scans_per_job and len(prefix) < _DEEPEST:
            middle = bisect_left(bits, prefix + "1", first, end)
            open_ += [(prefix + "0", first, middle), (prefix + "1", middle, end)]
        elif end > first:
            found[f"b{prefix}"] = sorted((scan for _, scan in ordered[first:end]), key=lambda scan: scan.scan)
    return dict(sorted(found.items()))


def _bits(scan: str) -> str:
    first = int.from_bytes(hashlib.sha256(scan.encode()).digest()[: _DEEPEST // 8], "big")
    return f"{first:0{_DEEPEST}b}"
