"""A Slurm of this machine with accounting, as clusters have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.pretend_cluster import PretendCluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[PretendCluster]:
    """The daemons run while these tests do."""
    cluster = PretendCluster(tmp_path_factory.mktemp("slurm"), accounting=True)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
