"""The plan of a training: operations counted, hours estimated, hopeless trainings refused."""

from __future__ import annotations

import pytest
import torch

from mrisynth.errors import MrisynthError
from mrisynth.recipes import ModelRecipe
from mrisynth.training import device

SMALL = ModelRecipe(
    name="small", family="hagan", condition="none", size=32, images_total=8, images_per_chunk=8, batch_size=2,
    family_recipe={"width": 8, "latent": 8, "spectral_norm": False},
)  # fmt: skip
STUDY = ModelRecipe(
    name="wgp_hagan", family="wgp_hagan", condition="none", size=256, images_total=160_000, images_per_chunk=16_000,
    batch_size=2,
)  # fmt: skip


def test_operations_grow_with_the_batch_and_with_steps():
    flops = device.count_update_flops(SMALL, classes=0)
    from dataclasses import replace

    assert device.count_update_flops(replace(SMALL, batch_size=4), classes=0) == pytest.approx(2 * flops, rel=0.02)
    twice = replace(SMALL, family_recipe=SMALL.family_recipe | {"critic_steps": 2})
    assert 1.2 * flops < device.count_update_flops(twice, classes=0) < 2 * flops


def test_the_counter_agrees_with_a_convolution_counted_by_hand():
    layer = torch.nn.Conv3d(2, 3, 3, padding=1, device="meta")
    with device._OperationCounter() as counter:
        layer(torch.empty(1, 2, 4, 4, 4, device="meta"))
    assert counter.flops == 2 * 27 * 2 * 3 * 64


def test_a_small_plan(monkeypatch):
    monkeypatch.setattr(device, "choose_device", lambda: "cpu")
    plan = device.plan_training(SMALL, classes=0, allow_cpu=False)
    assert (plan["device"], plan["updates"], plan["images_per_update"]) == ("cpu", 4, 2)
    assert 0 < plan["hours"] < 0.1


def test_a_study_without_a_gpu_stops_with_hours_and_the_key_to_set(monkeypatch):
    monkeypatch.setattr(device, "choose_device", lambda: "cpu")
    sentence = r"models\.wgp_hagan: no GPU was found, .* at size 256 would take about [\d,]+ hours .* allow_cpu: true"
    with pytest.raises(MrisynthError, match=sentence):
        device.plan_training(STUDY, classes=6, allow_cpu=False)
    assert device.plan_training(STUDY, classes=6, allow_cpu=True)["hours"] > 100
