"""One optimiser step: in parts when memory is short, shared by processes, not taken when it would poison weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mrisynth.errors import MrisynthError
from mrisynth.training.team import Team

_LOG = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Stepper:
    """Takes the steps of one training.

    Attributes:
        team: the processes that share every batch.
        parts: pieces that this process cuts its share of a batch into, doubled whenever memory does not suffice.
    """

    team: Team = field(default_factory=Team)
    parts: int = 1

    def step(self, loss_of: Callable[[slice], Tensor], optimisers: list[torch.optim.Optimizer], *, images: int) -> bool:
        """Take the gradient of a loss over a batch and one step of each optimiser; return False when it was skipped.

        It is skipped when the loss or a gradient is not finite; then weights and optimisers stay as they were. When
        memory does not suffice, the batch is cut into twice as many parts, whose gradients add up to the same step.

        Args:
            loss_of: images of the batch to their mean loss. Called for one part after the other; it draws nothing.
            optimisers: those whose weights the loss is meant for; gradients of other weights are not kept.
            images: images of the whole batch.

        Raises:
            MrisynthError: when even a single image at a time does not fit into memory.
        """
        while True:
            try:
                total = self._accumulate(loss_of, optimisers, images=images)
                break
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                self._halve(images)
        return self._finish(total, optimisers)

    def pieces(self, images: int) -> Iterator[tuple[slice, float]]:
        """Yield the parts of this process's share of a batch, each with its share of all images."""
        share = self.team.share(images)
        count = share.stop - share.start
        for part in range(self.parts):
            piece = slice(share.start + count * part // self.parts, share.start + count * (part + 1) // self.parts)
            if piece.stop > piece.start:
                yield piece, (piece.stop - piece.start) / images

    def _accumulate(
        self, loss_of: Callable[[slice], Tensor], optimisers: list[torch.optim.Optimizer], *, images: int
    ) -> Tensor:
        _forget_gradients(optimisers)
        total: Tensor | None = None
        for piece, weight in self.pieces(images):
            loss = loss_of(piece) * weight
            loss.backward()
            total = loss.detach() if total is None else total + loss.detach()
        if total is None:
            raise MrisynthError(f"A batch of {images} images cannot be shared by {self.team.ranks} processes.")
        return total

    def _halve(self, images: int) -> None:
        share = self.team.share(images)
        if self.parts >= share.stop - share.start:
            raise MrisynthError(
                "Out of memory with a single image at a time; train a smaller size or width, or on a larger device."
            )
        self.parts *= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        _LOG.warning("out of memory: batches are now shown in %d parts, whose gradients add up", self.parts)

    def _finish(self, total: Tensor, optimisers: list[torch.optim.Optimizer]) -> bool:
        gradients = [weight.grad for weight in _weights(optimisers) if weight.grad is not None]
        self.team.add_up([total, *gradients])
        good = total.is_meta or bool(torch.isfinite(total + torch.nn.utils.get_total_norm(gradients)))
        if good:
            for optimiser in optimisers:
                optimiser.step()
        _forget_gradients(optimisers)
        return good


def _weights(optimisers: list[torch.optim.Optimizer]) -> Iterator[Tensor]:
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            yield from group["params"]


def _forget_gradients(optimisers: list[torch.optim.Optimizer]) -> None:
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
