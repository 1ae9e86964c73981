"""A self-test of the device's bf16 kernels, before a training trusts them: are they right, and are they faster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mrisynth.errors import MrisynthError
from mrisynth.seeds import derive_seed

ERROR_LIMIT = 2e-2
"""Relative error (l2) of bf16 against fp32; sound kernels of a CPU are off by 0.0023 to 0.0031 at 32, 64 and 256."""

SLOWER_LIMIT = 1.2
"""From this ratio of bf16 time to fp32 time over all layers on, bf16 is not worth its rounding."""

_SHRINKS = (8, 4, 2, 1)  # the edges of a layer's input are divided by these, as long as time allows
_GROWTH = 8  # of the time from one to the next
_RUNS = 2
_SHORTEST_EDGE = 4
_GROUPS = 8
_LOG = logging.getLogger(__name__)

Kernel = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """One layer, tested.

    Attributes:
        layer: what it is and where it stands in the networks.
        shape: of the input tested, [batch, channels, x, y, z].
        full: whether that is the recipe's own shape; otherwise time ran out at a smaller one.
        errors: relative errors (l2) of ``output``, ``input_gradient``, ``weight_gradient`` in bf16 against fp32.
        fp32_seconds: forward and backward pass, the faster of two runs.
        bf16_seconds: the same.
    """

    layer: str
    shape: tuple[int, ...]
    full: bool
    errors: dict[str, float]
    fp32_seconds: float
    bf16_seconds: float


@dataclass(frozen=True, kw_only=True)
class KernelReport:
    """The whole test; ``speed_ratio`` is fp32 time over bf16 time of all layers, None where nothing was tested."""

    device: str
    precision: str
    layers: tuple[LayerReport, ...] = ()
    speed_ratio: float | None = None
    warning: str = ""


def check_kernels(
    device: str, *, precision: str, size: int, width: int, batch_size: int, seconds: float = 60.0
) -> KernelReport:
    """Compare bf16 autocast with fp32 on the layers that HA-GAN computes most in, forward and backward.

    The shapes are those of the recipe's largest layers, approached from an eighth of their edges for as long as
    ``seconds`` allow; a shape too slow to be tried is not tried, and the report says so. The test draws its own
    numbers and changes no random state. It is there because bf16 kernels did fail silently: wrong results of
    convolutions of large volumes with cuDNN 9.10.2 (PyTorch issue 163539) and on CPUs with AMX (169688), and
    convolutions several times slower than in fp32 in PyTorch 2.9.0 (166122) and with bias and dilation (167420).

    Args:
        device: ``cpu`` or ``cuda``.
        precision: of the recipe; ``fp32`` has nothing to test and returns at once.
        size: edge of the cube in voxels.
        width: channels of the feature cube.
        batch_size: images in a batch.
        seconds: bound of the whole test, which may be exceeded by one shape of one layer.

    Raises:
        MrisynthError: when a result is not finite or off by more than :data:`ERROR_LIMIT`.
    """
    if precision != "bf16":
        return KernelReport(device=device, precision=precision)
    layers = _layers(size=size, width=width, batch_size=batch_size)
    reports = tuple(
        _grown(name, kernel, shape, weight, device=device, seconds=seconds / len(layers))
        for name, kernel, shape, weight in layers
    )
    ratio = sum(layer.fp32_seconds for layer in reports) / sum(layer.bf16_seconds for layer in reports)
    warning = ""
    if ratio < 1 / SLOWER_LIMIT:
        warning = (
            f"bf16 is {1 / ratio:.1f} times slower than fp32 on this device (torch {torch.__version__}); "
            "precision: fp32 is faster here."
        )
        _LOG.warning("%s", warning)
    return KernelReport(device=device, precision=precision, layers=reports, speed_ratio=ratio, warning=warning)


def _layers(*, size: int, width: int, batch_size: int) -> list[tuple[str, Kernel, tuple[int, ...], tuple[int, ...]]]:
    """Return (name, kernel, shape of the input, shape of the weight) of the layers that take most of an update."""
    low, half, slab = size // 4, size // 2, max(8, size // 8)
    fine, coarse = max(1, width // 4), max(1, width // 2)
    return [
        ("convolution 3 x 3 x 3 of the low-resolution branch", _convolution,
         (batch_size, width, low, low, low), (coarse, width, 3, 3, 3)),
        ("first convolution 4 x 4 x 4, stride 2, of the slab critic", _halving,
         (2 * batch_size, 1, slab, size, size), (fine, 1, 4, 4, 4)),
        ("second convolution 4 x 4 x 4, stride 2, of the slab critic", _halving,
         (2 * batch_size, fine, slab // 2, half, half), (coarse, fine, 4, 4, 4)),
        ("first doubling convolution of the slab branch", _doubling,
         (batch_size, width, slab // 4 + 2, low, low), (width, coarse, 4, 4, 4)),
        ("second doubling convolution of the slab branch", _doubling,
         (batch_size, coarse, slab // 2 + 2, half, half), (coarse, 1, 4, 4, 4)),
        ("group norm of the feature cube", _group_norm,
         (batch_size, width, low, low, low), (width,)),
    ]  # fmt: skip


def _convolution(volumes: Tensor, weight: Tensor) -> Tensor:
    return functional.conv3d(volumes, weight, padding=1)


def _halving(volumes: Tensor, weight: Tensor) -> Tensor:
    return functional.conv3d(volumes, weight, stride=2, padding=1)


def _doubling(volumes: Tensor, weight: Tensor) -> Tensor:
    return functional.conv_transpose3d(volumes, weight, stride=2, padding=1)


def _group_norm(volumes: Tensor, weight: Tensor) -> Tensor:
    """Normalise what a convolution would hand on: 16 bits under autocast."""
    if torch.is_autocast_enabled(volumes.device.type):
        volumes = volumes.bfloat16()
    groups = _GROUPS if len(weight) % _GROUPS == 0 else 1
    return functional.group_norm(volumes, groups, weight)


def _grown(
    name: str, kernel: Kernel, shape: tuple[int, ...], weight: tuple[int, ...], *, device: str, seconds: float
) -> LayerReport:
    """Test a layer on larger and larger inputs while time allows; return the largest."""
    began = time.monotonic()
    shapes = dict.fromkeys(
        (*shape[:2], *(max(min(edge, _SHORTEST_EDGE), edge // shrink) for edge in shape[2:])) for shrink in _SHRINKS
    )
    smallest, *larger = shapes
    report = _tested(name, kernel, smallest, weight, device=device, full=smallest == shape)
    for tried in larger:
        spent = _RUNS * (report.fp32_seconds + report.bf16_seconds)
        if time.monotonic() - began + _GROWTH * spent > seconds:
            break
        report = _tested(name, kernel, tried, weight, device=device, full=tried == shape)
    return report


def _tested(
    name: str, kernel: Kernel, shape: tuple[int, ...], weight: tuple[int, ...], *, device: str, full: bool
) -> LayerReport:
    random = torch.Generator(device).manual_seed(derive_seed(0, "kernels", name))
    given = [torch.randn(drawn, generator=random, device=device) for drawn in (shape, weight)]
    exact, fp32_seconds = _results(kernel, given, in_16_bits=False)
    rounded, bf16_seconds = _results(kernel, given, in_16_bits=True)
    errors = {what: float((rounded[what] - exact[what]).norm() / exact[what].norm().clamp_min(1e-30)) for what in exact}
    for what, error in errors.items():
        if not error <= ERROR_LIMIT:  # not a number is wrong too
            raise MrisynthError(_refusal(name, what, error, shape=shape, device=device))
    return LayerReport(
        layer=name, shape=shape, full=full, errors=errors, fp32_seconds=fp32_seconds, bf16_seconds=bf16_seconds
    )


def _results(kernel: Kernel, given: list[Tensor], *, in_16_bits: bool) -> tuple[dict[str, Tensor], float]:
    """Return the output and both gradients in 32 bits, and the seconds of the faster of two runs."""
    device = given[0].device.type
    best = float("inf")
    for _ in range(_RUNS):
        volumes, weight = (tensor.clone().requires_grad_() for tensor in given)
        started = _now(device)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=in_16_bits):
            output = kernel(volumes, weight)
        spent = _now(device) - started
        random = torch.Generator(device).manual_seed(derive_seed(0, "kernels", "gradient"))
        gradient = torch.randn(output.shape, generator=random, device=device).to(output.dtype)
        started = _now(device)
        output.backward(gradient)
        best = min(best, spent + _now(device) - started)
    found = {"output": output.detach(), "input_gradient": volumes.grad, "weight_gradient": weight.grad}
    return {name: tensor.float() for name, tensor in found.items()}, best


def _now(device: str) -> float:
    """Return seconds: of this process on a CPU, where others do not count, and with all work done on a GPU."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.monotonic()


def _refusal(name: str, what: str, error: float, *, shape: tuple[int, ...], device: str) -> str:
    cudnn = f", cuDNN {torch.backends.cudnn.version()}" if device == "cuda" else ""
    return (
        f"bf16 is computed wrongly on this device: the {what.replace('_', ' ')} of the {name} on an input of "
        f"{list(shape)} differs from fp32 by {error:.1%} (at most {ERROR_LIMIT:.0%} is rounding; {device}, torch "
        f"{torch.__version__}{cudnn}); set precision: fp32, or install another version of torch."
    )
