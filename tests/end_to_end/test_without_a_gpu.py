"""A GPU-sized target on a machine without a GPU stops at once, with an estimate, before anything is fetched."""

from __future__ import annotations

import time

import pytest
import torch

pytestmark = pytest.mark.end_to_end


@pytest.mark.fault(32)
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_the_literal_target_stops_with_an_estimate_of_hours(run_snakemake, clean_clone):
    started = time.monotonic()
    stopped = run_snakemake("results/fid/wgp_hagan.tsv")
    assert stopped.returncode == 1
    assert "hours" in stopped.stderr
    assert "allow_cpu: true" in stopped.stderr
    assert "rule download" not in stopped.stderr
    assert not (clean_clone / "resources" / "ixi").exists()
    assert time.monotonic() - started < 300
