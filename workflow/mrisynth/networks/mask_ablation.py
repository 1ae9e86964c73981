"""Masks and classes of masks that are hidden from a network while it trains, so that any part of a mask will do later.

The idea of hiding classes at random is that of segmentation-guided diffusion (Konz et al. 2024); images of a domain
without annotations have no mask at all (Wu et al. 2025, MRGen). The draw stands apart from its application, so that
every coding of the same mask is changed alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MaskDraw:
    """What is shown of the masks of a batch.

    Attributes:
        shown: bool [batch, classes], on the CPU; a mask of which nothing is shown is blank.
    """

    shown: Tensor

    def without(self, unannotated: Tensor) -> MaskDraw:
        """Return the draw with nothing shown of the images that have no annotation, bool [batch], whatever was drawn.

        Whoever trains on a domain without masks must pass through here, so that no label of it can leak.
        """
        return MaskDraw(self.shown & ~unannotated.to(self.shown.device)[:, None])


def draw_masks(batch: int, *, classes: int, dropout: float, ablation: float, generator: torch.Generator) -> MaskDraw:
    """Draw which classes of each mask are shown.

    Args:
        batch: number of masks.
        classes: of each.
        dropout: how often a whole mask is hidden, 0..1.
        ablation: how often classes of a mask are hidden one by one, each with probability one half, 0..1.
        generator: on the CPU; gives the same count of numbers whatever the probabilities.
    """
    numbers = torch.rand(batch, classes + 2, generator=generator)
    blank, ablated = numbers[:, :1] < dropout, numbers[:, 1:2] < ablation
    return MaskDraw(~blank & ~(ablated & (numbers[:, 2:] < 0.5)))


def hide_classes(masks: Tensor, draw: MaskDraw) -> Tensor:
    """Return masks of whole numbers [batch, ...], 1 = the first class, with classes not shown as 0."""
    always = torch.ones(len(masks), 1, dtype=torch.bool)
    table = torch.cat([always, draw.shown.cpu()], dim=1).to(masks.device)  # the background stays itself
    shown = table.gather(1, masks.flatten(1).long()).view_as(masks)
    return masks * shown
