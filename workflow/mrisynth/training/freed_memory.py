"""Keep what a process frees for its next use, instead of handing it back to the system after every tensor."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the names of glibc's malloc.h
_LARGEST_BLOCK = 2**30
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed blocks of up to 1 GiB for this process; return whether it could be told.

    By itself glibc returns every freed block of 32 MiB or more to the system, which must then clear it, page by page,
    for the next tensor of the same size: a quarter to a third of an update of PACGAN at 128 pixels, as
    docs/benchmarks.md has it. What is computed stays the same; the process holds about as much memory as it once needed
    at most. Other C libraries than glibc have no such switch, and nothing happens there.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
