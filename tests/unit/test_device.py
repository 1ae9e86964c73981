"""The plan of a training: operations counted, hours estimated, hopeless trainings refused, kernels tested."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch

from mrisynth.errors import MrisynthError
from mrisynth.files import write_json
from mrisynth.models import family as family_named
from mrisynth.recipes import ModelRecipe
from mrisynth.training import device
from mrisynth.training.counting import blank_batches, first_state

SMALL = ModelRecipe(
    name="small", family="hagan", condition="none", size=32, images_total=8, images_per_chunk=8, batch_size=2,
    family_recipe={"width": 8, "latent": 8},
)  # fmt: skip
STUDY = ModelRecipe(
    name="wgp_hagan", family="wgp_hagan", condition="none", size=256, images_total=160_000, images_per_chunk=16_000,
    batch_size=2,
)  # fmt: skip


@pytest.fixture
def on_a_cpu(monkeypatch):
    monkeypatch.setattr(device, "prepare_device", lambda: "cpu")


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_operations_grow_with_the_batch_and_with_steps():
    flops = device.count_update_flops(SMALL, classes=0)
    assert device.count_update_flops(replace(SMALL, batch_size=4), classes=0) == pytest.approx(2 * flops, rel=0.02)
    twice = replace(SMALL, family_recipe=SMALL.family_recipe | {"critic_steps": 2})
    assert 1.2 * flops < device.count_update_flops(twice, classes=0) < 2 * flops


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_estimate_of_an_update_is_near_the_truth_though_only_smaller_ones_are_timed(one_thread, precision):
    recipe = replace(
        SMALL, family="wgp_hagan", size=64, batch_size=4, precision=precision, family_recipe={"width": 16, "latent": 64}
    )
    estimate = device.seconds_per_update(recipe, "cpu", classes=0, seconds=0.0, clock=time.process_time)
    family = family_named(recipe.family)
    state = first_state(recipe, family, classes=0, device="cpu")
    batches = blank_batches(recipe, family, device="cpu")
    truth = []
    for step in range(3):
        started = time.process_time()
        random = torch.Generator().manual_seed(step)
        family.update(state, batches, stage=family.stages(recipe)[0], step=step, progress=0.0, generator=random)
        truth.append(time.process_time() - started)
    assert 1 / 4 < estimate / min(truth) < 4  # 0.9 to 1.4 on an idle machine


@pytest.fixture
def counted_by_voxels(monkeypatch):
    monkeypatch.setattr(device, "count_update_flops", lambda recipe, **_: recipe.batch_size * recipe.size**3)


def test_the_recipe_itself_is_timed_where_time_allows(monkeypatch, counted_by_voxels):
    timed = []
    monkeypatch.setattr(device, "_timed_update", lambda recipe, *_, **__: timed.append(recipe) or 0.01)
    large = replace(SMALL, size=128, batch_size=4)
    assert device.seconds_per_update(large, "cpu", classes=0, seconds=1e6) == 0.01
    assert timed[-1] == large
    timed.clear()
    device.seconds_per_update(large, "cpu", classes=0, seconds=0.0)
    assert [(recipe.size, recipe.batch_size) for recipe in timed] == [(32, 2), (32, 4), (64, 2)]


def test_the_line_through_the_last_two_probes_goes_on_between_bounds():
    assert device._continued([(10, 1.0)], 40) == pytest.approx(4.0)
    assert device._continued([(10, 1.0), (20, 1.8)], 40) == pytest.approx(1.8 + 20 * 0.08)
    assert device._continued([(10, 1.0), (20, 0.9)], 40) == pytest.approx(0.9 + 20 * 0.045 / 2)  # noise: not downhill
    assert device._continued([(10, 0.1), (20, 2.0)], 40) == pytest.approx(4.0)  # noise: not steeper than through 0


def test_memory_that_does_not_suffice_leaves_what_was_timed(monkeypatch, counted_by_voxels):
    def timed(recipe, *_, **__):
        if recipe.size > 64:
            raise MrisynthError("Out of memory with a single image at a time.")
        return 0.01

    monkeypatch.setattr(device, "_timed_update", timed)
    large = replace(SMALL, size=128)
    assert device.seconds_per_update(large, "cpu", classes=0, seconds=1e6) > 0.01
    monkeypatch.setattr(device, "_PROBE_SIZES", ())
    with pytest.raises(MrisynthError, match="Out of memory"):
        device.seconds_per_update(large, "cpu", classes=0)


def test_a_small_plan(on_a_cpu, tmp_path):
    plan = device.plan_training(SMALL, classes=0, allow_cpu=False)
    assert (plan["device"], plan["updates"], plan["images_per_update"]) == ("cpu", 4, 2)
    assert 0 < plan["hours"] < 0.1
    assert plan["kernels"] == {
        "device": "cpu", "precision": "fp32", "layers": (), "speed_ratio": None, "warning": "",
    }  # fmt: skip
    write_json(plan, tmp_path / "plan.json")


def test_a_plan_in_bf16_tests_the_kernels_and_refuses_wrong_ones_by_model(on_a_cpu, monkeypatch, tmp_path):
    recipe = replace(SMALL, precision="bf16")
    plan = device.plan_training(recipe, classes=0, allow_cpu=False)
    assert len(plan["kernels"]["layers"]) == 6
    write_json(plan, tmp_path / "plan.json")
    sound = torch.nn.functional.group_norm
    wrong = lambda volumes, *rest: sound(volumes, *rest) * (1.1 if torch.is_autocast_enabled("cpu") else 1)  # noqa: E731
    monkeypatch.setattr(torch.nn.functional, "group_norm", wrong)
    with pytest.raises(MrisynthError, match=r"^models\.small: bf16 is computed wrongly .* set precision: fp32"):
        device._tested_kernels(recipe, "cpu")


def test_a_study_without_a_gpu_stops_with_hours_and_the_key_to_set(on_a_cpu, monkeypatch, counted_by_voxels):
    monkeypatch.setattr(device, "_timed_update", lambda recipe, *_, **__: 0.02 * recipe.size * recipe.batch_size)
    sentence = r"models\.wgp_hagan: no GPU was found, .* at size 256 would take about [\d,]+ hours .* allow_cpu: true"
    with pytest.raises(MrisynthError, match=sentence):
        device.plan_training(STUDY, classes=6, allow_cpu=False)
    assert device.plan_training(STUDY, classes=6, allow_cpu=True)["hours"] > 100
