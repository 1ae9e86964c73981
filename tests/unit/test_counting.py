"""What an update costs, counted without values: operations, bytes and memory against hand counts and a real update."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mrisynth.recipes import ModelRecipe
from mrisynth.training.counting import _BfloatOnMeta, _Recorder, count_update

SMALL = ModelRecipe(
    name="small", family="wgp_hagan", condition="none", size=64, images_total=8, images_per_chunk=8, batch_size=4,
    family_recipe={"width": 16, "latent": 64},
)  # fmt: skip

REAL_UPDATE = """
import pathlib, sys
import torch
from mrisynth.models import family as family_named
from mrisynth.recipes import ModelRecipe
from mrisynth.training.counting import blank_batches, first_state, update_blank

def memory(key):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024

def updated(size, batch_size, width):
    recipe = ModelRecipe(name="small", family="wgp_hagan", condition="none", size=size, images_total=8,
        images_per_chunk=8, batch_size=batch_size, family_recipe={"width": width, "latent": 64})
    family = family_named(recipe.family)
    state = first_state(recipe, family, classes=0, device="cpu")
    batches = blank_batches(recipe, family, device="cpu")
    for step in range(2):
        update_blank(family, state, batches, step=step)
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    update_blank(family, state, batches, step=2)

torch.set_num_threads(1)
updated(32, 1, 8)
before = memory("VmRSS")
updated(64, 4, 16)
print(memory("VmHWM") - before)
"""


def test_the_operations_of_a_convolution_are_those_counted_by_hand():
    layer = torch.nn.Conv3d(2, 3, 3, padding=1, device="meta")
    volume = torch.empty(1, 2, 4, 4, 4, device="meta")
    with _Recorder() as recorder:
        layer(volume)
    (operation,) = recorder.operations
    assert operation.flops == 2 * 27 * 2 * 3 * 64
    assert operation.bytes_moved == 4 * (2 * 64 + 27 * 2 * 3 + 3 + 3 * 64)


def test_the_peak_holds_what_backward_needs_and_forgets_what_is_free():
    weight = torch.ones(1000, device="meta", requires_grad=True)
    with _Recorder() as recorder:
        kept = (weight * 2).exp()  # the product is free again, the exponential is saved
        kept = (kept * 3).sin()  # the product is saved
    assert recorder.peak_bytes == 4 * 3 * 1000
    assert recorder._live_bytes == 4 * 3 * 1000
    del kept
    assert recorder._live_bytes == 0


def test_views_and_changes_in_place_take_no_memory():
    values = torch.ones(10, 10, device="meta")
    with _Recorder() as recorder:
        values.view(100).t().add_(1)
    assert recorder.peak_bytes == 0
    assert len(recorder.operations) == 1


def test_bf16_halves_what_convolutions_write():
    layer = torch.nn.Conv3d(2, 3, 3, padding=1, device="meta")
    with _BfloatOnMeta(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.empty(1, 2, 4, 4, 4, device="meta")).dtype is torch.bfloat16
    with _BfloatOnMeta():
        assert layer(torch.empty(1, 2, 4, 4, 4, device="meta")).dtype is torch.float32
    operations = count_update(replace(SMALL, precision="bf16"), classes=0).operations
    in_16_bits = sum(operation.flops for operation in operations if operation.in_16_bits)
    assert 0.3 < in_16_bits / sum(operation.flops for operation in operations) < 1  # the penalty stays in 32 bits
    assert not any(operation.in_16_bits for operation in count_update(SMALL, classes=0).operations)


def test_memory_grows_with_the_batch_and_the_state_does_not():
    four, eight = (count_update(replace(SMALL, batch_size=batch_size), classes=0) for batch_size in (4, 8))
    assert four.state_bytes == eight.state_bytes
    assert eight.peak_bytes > four.peak_bytes + 4 * 4 * 64**3
    # weights, a moving average and two moments of Adam: 16 bytes a weight of the generator, 12 a weight of the critics
    assert 3 * four.exported_bytes < four.state_bytes < 16 * four.exported_bytes


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures by /proc")
def test_the_peak_is_that_of_a_real_update(repository):
    quiet = {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "PYTHONPATH": str(repository / "workflow")}
    found = subprocess.run(
        [sys.executable, "-c", REAL_UPDATE], env=os.environ | quiet, capture_output=True, text=True, check=True
    )
    assert 0.9 < int(found.stdout) / count_update(SMALL, classes=0).peak_bytes < 1.6
