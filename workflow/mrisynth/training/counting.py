"""What one update costs, counted on tensors without values: operations, bytes moved, memory at its peak."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import flop_registry

from mrisynth.models import family as family_named
from mrisynth.models.interface import Batch, Family, State
from mrisynth.recipes import ModelRecipe
from mrisynth.training.schedule import Schedule

_IN_16_BITS = {
    functional.conv2d, functional.conv_transpose2d, functional.conv3d, functional.conv_transpose3d, functional.linear,
    torch.matmul, Tensor.__matmul__,
}  # fmt: skip
_IN_32_BITS = {functional.group_norm}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One kernel of an update: its floating-point operations, the bytes that it reads and writes, and its type."""

    flops: int
    bytes_moved: int
    in_16_bits: bool


@dataclass(frozen=True, kw_only=True)
class UpdateCount:
    """One update of a training.

    Attributes:
        operations: in the order in which they run, backward passes and optimiser steps too.
        state_bytes: weights, buffers, moving averages and Adam's two moments.
        exported_bytes: the weights of a finished model, in 32 bits.
        peak_bytes: of the state, the batch, activations, gradients and temporaries together, at their highest.
    """

    operations: tuple[Operation, ...]
    state_bytes: int
    exported_bytes: int
    peak_bytes: int

    @property
    def flops(self) -> int:
        """Floating-point operations of convolutions and matrix products, second derivatives too."""
        return sum(operation.flops for operation in self.operations)


def last_stage_updates(recipe: ModelRecipe, *, classes: int) -> float:
    """Return how many updates of the last stage have as many operations as all updates of the training together."""
    family = family_named(recipe.family)
    stages = Schedule(recipe, family).lengths()
    if len(stages) == 1:
        return float(stages[0])
    flops = [count_update(recipe, classes=classes, stage=number).flops for number in range(len(stages))]
    return sum(updates * count for updates, count in zip(stages, flops, strict=True)) / flops[-1]


def count_update(recipe: ModelRecipe, *, classes: int, stage: int = -1) -> UpdateCount:
    """Count the second update of a stage on the meta device, when Adam's moments are there.

    Every tensor is followed from the operation that makes it until nothing holds it, so the peak holds what autograd
    saves for backward passes, gradients of gradients, gradients of weights and temporaries. It leaves out what a
    device adds: workspaces of kernels, padding and fragmentation of its allocator, and the CUDA context (about 0.5 GB
    on a GPU). Autocast passes over meta tensors, so ``bf16`` is imitated: convolutions and matrix products in 16
    bits, group norms in 32, as autocast does on a GPU.

    Real updates on a CPU took 1.06 to 1.24 times ``peak_bytes`` of resident memory above an idle process (families
    hagan and wgp_hagan at 64, width 16, batch 4, fp32 and bf16: 1.22 to 1.24; wgp_hagan at 96, width 32, batch 2, fp32:
    1.06; tests/unit/test_counting.py measures one of them again).

    Args:
        recipe: the model.
        classes: number of condition classes; 0 for an unconditional model.
        stage: which, counted as in a list; the last is the largest.
    """
    family = family_named(recipe.family)
    with torch.device("meta"):  # spares the drawing of initial weights
        state = first_state(recipe, family, classes=classes, device="meta")
    batches = blank_batches(recipe, family, device="meta", stage=stage)
    update_blank(family, state, batches, step=0, stage=stage)
    held = sum(dict(map(_storage, _tensors_of(state, batches))).values())
    with _BfloatOnMeta(), _Recorder() as recorder:
        update_blank(family, state, batches, step=0, stage=stage)
    return UpdateCount(
        operations=tuple(recorder.operations),
        state_bytes=held - sum(batch.images.nbytes + batch.labels.nbytes for batch in batches[:1]),
        exported_bytes=sum(_network_bytes(state, name) for name in family.exported(recipe)),
        peak_bytes=held + recorder.peak_bytes,
    )


def share_of_one_device(recipe: ModelRecipe) -> ModelRecipe:
    """Return the recipe with the images of a batch that each of its devices is given."""
    return replace(recipe, batch_size=ceil(recipe.batch_size / recipe.devices), devices=1)


def first_state(recipe: ModelRecipe, family: Family, *, classes: int, device: str) -> State:
    """Return a training before its first update, with the strongest augmentation and one column of all classes."""
    state = family.build(recipe, columns=(classes,) if classes else (), seed=0, device=device)
    state.augmentation = 0.0 if recipe.augmentation == "none" else recipe.augmentation_strength
    return state


def blank_batches(recipe: ModelRecipe, family: Family, *, device: str, stage: int = -1) -> list[Batch]:
    """Return the batches of one update of a stage, counted as in a list: background, and the first class."""
    images = torch.full((recipe.batch_size, *recipe.image_shape), -1.0, device=device)
    labels = torch.zeros(recipe.batch_size, dtype=torch.int64, device=device)
    return [Batch(images=images, labels=labels)] * family.batches_per_update(recipe, family.stages(recipe)[stage])


def update_blank(family: Family, state: State, batches: list[Batch], *, step: int, stage: int = -1) -> None:
    """Do update ``step``, early in a stage, where its fade costs most."""
    family.update(
        state, batches, stage=family.stages(state.recipe)[stage], step=step, progress=0.25,
        generator=torch.Generator().manual_seed(step),
    )  # fmt: skip


def _tensors_of(state: State, batches: list[Batch]) -> Iterator[Tensor]:
    for network in (*state.networks.values(), *state.averages.values()):
        yield from network.parameters()
        yield from network.buffers()
    for optimiser in state.optimisers.values():
        yield from (leaf for leaf in tree_leaves(dict(optimiser.state)) if isinstance(leaf, Tensor))
    for batch in batches:
        yield from (batch.images, batch.labels)


def _network_bytes(state: State, name: str) -> int:
    return sum(weight.nbytes for weight in state.networks[name].state_dict().values())


def _storage(tensor: Tensor) -> tuple[int, int]:
    storage = tensor.untyped_storage()
    return storage._cdata, storage.nbytes()


class _BfloatOnMeta(TorchFunctionMode):
    """Casts the inputs of functions as autocast does on a GPU, inside blocks that autocast to bf16."""

    def __torch_function__(
        self, function: Callable, types: object, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.is_autocast_enabled("cpu") and (function in _IN_16_BITS or function in _IN_32_BITS):
            dtype = torch.bfloat16 if function in _IN_16_BITS else torch.float32
            args, kwargs = tree_map_only(Tensor, lambda tensor: _cast(tensor, dtype), (args, kwargs))
        return function(*args, **kwargs)


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_meta and tensor.is_floating_point() else tensor


class _Recorder(TorchDispatchMode):
    """Records every operation, and follows each storage on the meta device from its making to its end.

    (torch's own counter of operations follows modules by hooks, which do not bear a gradient inside a gradient.)
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.peak_bytes = 0
        self._live_bytes = 0
        self._followed: dict[int, tuple[weakref.ref, int]] = {}

    def __torch_dispatch__(
        self, operation: OpOverload, types: object, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        read = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.is_meta]
        written = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor) and leaf.is_meta]
        known = {leaf.untyped_storage()._cdata for leaf in read}
        made = [leaf for leaf in written if leaf.untyped_storage()._cdata not in known]
        if made or operation._schema.is_mutable:  # else a view
            count = flop_registry.get(operation._overloadpacket)
            self.operations.append(
                Operation(
                    flops=int(count(*args, **kwargs, out_val=result)) if count is not None else 0,
                    bytes_moved=sum(leaf.nbytes for leaf in (*read, *written)),
                    in_16_bits=any(leaf.dtype is torch.bfloat16 for leaf in written),
                )
            )
        for leaf in made:
            self._follow(leaf.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._followed:
            return
        self._followed[key] = weakref.ref(storage, lambda _: self._forget(key)), size
        self._live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self._live_bytes)

    def _forget(self, key: int) -> None:
        self._live_bytes -= self._followed.pop(key)[1]
