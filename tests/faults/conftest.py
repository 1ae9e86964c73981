"""What the tests of faults share."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.clone import Clone


@pytest.fixture
def clone(clean_clone: Path, tmp_path: Path) -> Clone:
    """A copy of the repository of a test's own; snakemake can be killed in it."""
    return Clone(tmp_path / "clone", clean_clone)
