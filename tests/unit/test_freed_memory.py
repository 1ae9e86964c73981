"""What training.freed_memory promises, in a process of its own: the switch holds for all that follows in it."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PAGES = """
import resource, sys
import torch
from mrisynth.training.freed_memory import keep_freed_memory

def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(16 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = pages()
assert keep_freed_memory()
for _ in range(4):
    pages()
print(first, pages())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc has the switch")
def test_memory_is_taken_from_the_system_once_and_then_kept() -> None:
    told = subprocess.run([sys.executable, "-c", PAGES], capture_output=True, text=True, check=True).stdout
    before, after = map(int, told.split())
    assert after < before / 10
