"""Bundles: which scans one preprocessing job works on; the standard library only, for it runs at every parse."""

from __future__ import annotations

import hashlib
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
    bits = {scan.scan: _bits(scan.scan) for scan in scans}
    found: dict[str, list[ScanFile]] = {}
    open_ = {"b": sorted(scans, key=lambda scan: scan.scan)}
    while open_:
        name, members = open_.popitem()
        if len(members) > scans_per_job and len(name) <= _DEEPEST:
            for bit in "01":
                open_[name + bit] = [scan for scan in members if bits[scan.scan][len(name) - 1] == bit]
        elif members:
            found[name] = members
    return dict(sorted(found.items()))


def _bits(scan: str) -> str:
    first = int.from_bytes(hashlib.sha256(scan.encode()).digest()[: _DEEPEST // 8], "big")
    return f"{first:0{_DEEPEST}b}"
