"""The branch that lets a mask steer a denoiser (Zhang et al. 2023, ControlNet): its encoder again, told the mask."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.denoiser import Denoiser
from mrisynth.networks.folded import fold
from mrisynth.networks.unet_shape import TIMES, UnetShape

NO_MASK = 255
"""Value of every voxel of a mask that is not known."""

_FIRST = 16  # channels of the first layer that sees a mask


class ControlBranch(nn.Module):
    """Masks at full resolution to what is added inside a denoiser; it begins with adding nothing.

    Masks keep every voxel: blocks of ``patch`` voxels are folded into channels, the rest is halved by learned layers.
    (Masks shrunk to the latents first, as some do, lose thin structures.)

    Args:
        shape: of the denoiser.
        classes: of the masks, without the background.
        patch: edge of the blocks that are folded.
        factor: voxels a side that one latent stands for, a power of 2 times ``patch``.
        greys: one grey channel with these values, of the background first, instead of one channel a class (published);
            None for channels.
        told: whether the branch is told the condition, as the denoiser is; if not, it sees zeros in its place.
    """

    def __init__(
        self,
        shape: UnetShape,
        *,
        classes: int,
        patch: int,
        factor: int,
        greys: Sequence[float] | None = None,
        told: bool = False,
    ) -> None:
        super().__init__()
        from monai.networks.nets import ControlNet

        self.classes, self.patch, self.told = classes, patch, told
        self.register_buffer("greys", None if greys is None else torch.tensor(greys))
        inputs = (classes if greys is None else 1) * patch**shape.dimensions
        halvings = round(log2(factor // patch))
        self.network = ControlNet(
            conditioning_embedding_in_channels=inputs,
            conditioning_embedding_num_channels=[_FIRST * 2**level for level in range(halvings + 1)],
            **shape.arguments,
        )
        shape.tell_with_the_time(self.network)

    def start_from(self, denoiser: Denoiser) -> None:
        """Take the weights of the denoiser's encoder; what adds to the denoiser stays at zero."""
        known = denoiser.network.state_dict()
        mine = self.network.state_dict()
        self.network.load_state_dict({name: known[name] for name in mine.keys() & known.keys()}, strict=False)

    def hints(self, masks: Tensor) -> Tensor:
        """Return masks, whole numbers [batch, size, ...], as the branch sees them; unknown ones as background.

        Returns:
            float32 [batch, classes, size, ...], 0 or 1, or [batch, 1, size, ...] of greys.
        """
        shown = torch.where(masks == NO_MASK, 0, masks).long()
        if self.greys is not None:
            return self.greys[shown][:, None]
        return functional.one_hot(shown, self.classes + 1).movedim(-1, 1)[:, 1:].float()

    def forward(
        self, latents: Tensor, times: Tensor, hints: Tensor, context: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Return what is added to the features of each layer on the way down, and in the middle.

        Args:
            latents: [batch, channels, n, ...].
            times: [batch], from 0 to 1.
            hints: of :meth:`hints`.
            context: [batch, tokens, width]; None where nothing is told.
        """
        if context is not None and not self.told:
            context = torch.zeros_like(context)
        return self.network(
            latents, times * TIMES, controlnet_cond=fold(hints, self.patch), context=context, class_labels=context
        )
