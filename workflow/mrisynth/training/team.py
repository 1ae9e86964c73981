"""The processes that train one model together: each shows its share of every batch, and gradients are added up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Team:
    """One process alone.

    Attributes:
        rank: number of this process, from 0.
        ranks: number of processes.
    """

    rank = 0
    ranks = 1

    def share(self, images: int) -> slice:
        """Return the images of a batch that this process shows; the shares of all processes are the batch."""
        return slice(images * self.rank // self.ranks, images * (self.rank + 1) // self.ranks)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one type on one device by their sums over all processes, in place."""

    def any(self, happened: bool) -> bool:
        """Return whether it happened in any process."""
        return happened

    def wait(self) -> None:
        """Return when every process has come this far."""


class FabricTeam(Team):
    """The processes of a launched Fabric (Lightning), on one GPU each or on the CPU."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.rank, self.ranks = fabric.global_rank, fabric.world_size

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Add up all tensors in one message."""
        if not tensors:
            return
        packed = torch.cat([tensor.flatten() for tensor in tensors])
        packed = self._fabric.all_reduce(packed, reduce_op="sum")
        for tensor, part in zip(tensors, packed.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def any(self, happened: bool) -> bool:
        """Return whether it happened in any process."""
        flag = torch.tensor([float(happened)], device=self._fabric.device)
        return bool(self._fabric.all_reduce(flag, reduce_op="sum") > 0)

    def wait(self) -> None:
        """Return when every process has come this far."""
        self._fabric.barrier()
