"""Run the tests of faults and print the table: `python tests/faults/run.py [number ...] [options of pytest]`."""

from __future__ import annotations

import sys

import pytest
from table import FAULTS, FaultTable

if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    if unknown := set(numbers) - set(FAULTS):
        sys.exit(f"No fault has the number {unknown.pop()}; the faults are 1 to {len(FAULTS)}.")
    options = [word for word in sys.argv[1:] if not word.isdigit()]
    sys.exit(pytest.main(["-m", "fault", *options], plugins=[FaultTable(numbers or FAULTS)]))
