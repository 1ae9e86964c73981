"""Where a model trains and how long that takes, told before the training starts."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from mrisynth.errors import MrisynthError
from mrisynth.models import family as family_named
from mrisynth.models.interface import Batch
from mrisynth.recipes import ModelRecipe
from mrisynth.training.loop import first_step, images_per_update

_HOURS_WITHOUT_ASKING = 1.0
_PROBE_SECONDS = 0.5
_SLOWER_THAN_PROBE = 2.0  # small layers, norms and the optimiser beside the convolutions that the probe times


def choose_device() -> str:
    """Return ``cuda`` when a GPU can be used, else ``cpu``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def count_update_flops(recipe: ModelRecipe, *, classes: int) -> int:
    """Return the floating-point operations of one update, counted on tensors without values."""
    family = family_named(recipe.family)
    state = family.build(recipe, classes=classes, seed=0, device="meta")
    images = torch.empty(recipe.batch_size, 1, *[recipe.size] * 3, device="meta")
    labels = torch.zeros(recipe.batch_size, dtype=torch.int64, device="meta")
    batches = [Batch(images=images, labels=labels)] * family.batches_per_update(recipe)
    with _OperationCounter() as counter:
        stage = family.stages(recipe)[0]
        family.update(state, batches, stage=stage, step=0, generator=torch.Generator().manual_seed(0))
    return counter.flops


def convolution_flops_per_second(device: str, *, precision: str = "fp32") -> float:
    """Return the speed of a 3 x 3 x 3 convolution of 32 channels on this machine, measured for half a second."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    edge, channels = (64, 64) if device == "cuda" else (24, 32)
    volume = torch.ones(2, channels, edge, edge, edge, device=device, dtype=dtype)
    layer = torch.nn.Conv3d(channels, channels, 3, padding=1).to(device, dtype)
    runs, started = -1, time.monotonic()
    with torch.inference_mode():
        while runs < 1 or time.monotonic() - started < _PROBE_SECONDS:
            layer(volume)
            if device == "cuda":
                torch.cuda.synchronize()
            runs += 1
            started = time.monotonic() if runs == 0 else started  # the first run only warms up
    return runs * 2 * 27 * volume.numel() * channels / (time.monotonic() - started)


def estimate_hours(recipe: ModelRecipe, device: str, *, classes: int) -> float:
    """Return about how many hours the whole training takes on this machine with the present CPU threads."""
    updates = first_step(recipe, family_named(recipe.family), chunk=recipe.chunks)
    speed = convolution_flops_per_second(device, precision=recipe.precision)
    return _SLOWER_THAN_PROBE * updates * count_update_flops(recipe, classes=classes) / speed / 3600


def plan_training(recipe: ModelRecipe, *, classes: int, allow_cpu: bool) -> dict[str, Any]:
    """Choose the device and estimate the training.

    Args:
        recipe: the model.
        classes: number of condition classes.
        allow_cpu: train on a CPU however long it takes.

    Returns:
        ``device``, ``hours`` (of the whole chain), ``updates``, ``images_per_update``, ``flops_per_update``.

    Raises:
        MrisynthError: when there is no GPU, the training would take more than an hour and ``allow_cpu`` is not set.
    """
    device = choose_device()
    family = family_named(recipe.family)
    hours = estimate_hours(recipe, device, classes=classes)
    if device == "cpu" and hours > _HOURS_WITHOUT_ASKING and not allow_cpu:
        raise MrisynthError(
            f"models.{recipe.name}: no GPU was found, and training {recipe.images_total} images at size {recipe.size} "
            f"would take about {hours:,.0f} hours on this CPU ({torch.get_num_threads()} threads); run it where there "
            "is a GPU, or set allow_cpu: true."
        )
    return {
        "device": device,
        "hours": hours,
        "updates": first_step(recipe, family, chunk=recipe.chunks),
        "images_per_update": images_per_update(recipe, family),
        "flops_per_update": count_update_flops(recipe, classes=classes),
    }


class _OperationCounter(TorchDispatchMode):
    """Adds up the floating-point operations of convolutions and matrix products, second derivatives too.

    (torch's own counter follows modules by hooks, which do not bear a gradient inside a gradient.)
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(
        self, operation: OpOverload, types: object, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        count = flop_registry.get(operation._overloadpacket)
        if count is not None:
            self.flops += count(*args, **kwargs, out_val=result)
        return result
