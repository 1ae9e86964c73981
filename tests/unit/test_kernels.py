"""The self-test of bf16 kernels: sound ones pass, planted faults are refused, slow ones are named."""

from __future__ import annotations

import logging
import time

import pytest
import torch
from torch.nn import functional

from mrisynth.errors import MrisynthError
from mrisynth.training import kernels
from mrisynth.training.kernels import check_kernels

SMALL = {"precision": "bf16", "size": 64, "width": 16, "batch_size": 2}
RESULTS = {"output", "input_gradient", "weight_gradient"}


@pytest.fixture
def plant(monkeypatch):
    """Replaces a function of torch by one that is faulty where autocast is on."""

    def planted(name: str, fault):
        sound = getattr(functional, name)

        def replaced(*args, **kwargs):
            result = sound(*args, **kwargs)
            return fault(result, lambda: sound(*args, **kwargs)) if torch.is_autocast_enabled("cpu") else result

        monkeypatch.setattr(functional, name, replaced)

    return planted


def test_sound_kernels_pass_far_below_the_limit_on_the_largest_layers():
    report = check_kernels("cpu", **SMALL, seconds=20)
    assert [layer.shape for layer in report.layers] == [
        (2, 16, 16, 16, 16), (4, 1, 8, 64, 64), (4, 4, 4, 32, 32), (2, 16, 4, 16, 16), (2, 8, 6, 32, 32),
        (2, 16, 16, 16, 16),
    ]  # fmt: skip
    assert all(layer.full for layer in report.layers)
    errors = [error for layer in report.layers for error in layer.errors.values()]
    assert all(set(layer.errors) == RESULTS for layer in report.layers)
    assert 1e-4 < min(errors) <= max(errors) < kernels.ERROR_LIMIT / 4
    assert report.speed_ratio > 0


def test_fp32_has_nothing_to_test_and_returns_at_once(plant):
    plant("conv3d", lambda result, again: result * 2)
    started = time.monotonic()
    report = check_kernels("cpu", **SMALL | {"precision": "fp32"})
    assert (report.layers, report.speed_ratio, report.warning) == ((), None, "")
    assert time.monotonic() - started < 0.1


@pytest.mark.parametrize(
    ("name", "fault", "layer"),
    [
        ("conv3d", lambda result, _: result * 1.05, "convolution 3 x 3 x 3"),
        ("conv3d", lambda result, _: torch.where(torch.arange(result.shape[-1]) < 60, result, 0), "first convolution"),
        ("conv_transpose3d", lambda result, _: result + float("nan"), "first doubling"),
        ("group_norm", lambda result, _: result.flip(0), "group norm"),
    ],
)
def test_wrong_results_are_refused_with_layer_error_and_remedy(plant, name, fault, layer):
    def large_only(result, again):
        return fault(result, again) if name != "conv3d" or layer[0] == "c" or result.shape[-1] > 16 else result

    plant(name, large_only)
    with pytest.raises(MrisynthError, match=rf"the output of the {layer}.* differs from fp32 by .*set precision: fp32"):
        check_kernels("cpu", **SMALL | {"size": 128 if layer.startswith("first conv") else 64}, seconds=20)


def test_a_wrong_gradient_alone_is_refused(plant):
    class WrongBackward(torch.autograd.Function):
        @staticmethod
        def forward(context, values):
            return values.clone()

        @staticmethod
        def backward(context, gradient):
            return gradient * 1.1

    plant("conv3d", lambda result, _: WrongBackward.apply(result))
    with pytest.raises(MrisynthError, match=r"the input gradient of the convolution 3 x 3 x 3 .* by 10\.\d%"):
        check_kernels("cpu", **SMALL)


def test_slow_kernels_give_a_warning_and_no_error(plant, caplog):
    def slow(result, again):
        for _ in range(30):
            again()
        return result

    for name in ("conv3d", "conv_transpose3d"):
        plant(name, slow)
    with caplog.at_level(logging.WARNING):
        report = check_kernels("cpu", **SMALL, seconds=20)
    assert report.speed_ratio < 1 / kernels.SLOWER_LIMIT
    assert "times slower than fp32" in report.warning
    assert report.warning in caplog.text


def test_short_time_shrinks_the_shapes_and_says_so():
    started = time.process_time()
    report = check_kernels("cpu", precision="bf16", size=256, width=16, batch_size=2, seconds=0.0)
    assert time.process_time() - started < 10
    assert not any(layer.full for layer in report.layers)
    assert report.layers[0].shape == (2, 16, 8, 8, 8)
