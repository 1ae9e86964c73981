"""The shape of a denoiser, which the branch that steers it shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from mrisynth.networks.latent_autoencoder import GROUPS

TIMES = 1000
"""Time 1 in the networks' own unit."""


@dataclass(frozen=True, kw_only=True)
class UnetShape:
    """A U-Net of residual blocks, with attention to the context where the latent is small (Rombach et al. 2022).

    Attributes:
        dimensions: 2 or 3.
        channels: of the latents.
        widths: channels of each level; every level but the last halves the edge.
        blocks: residual blocks a level.
        attention_from: first level with attention.
        head_width: channels of a head of attention.
        tokens: number of tokens of the context; 0 for a network that is told nothing.
        token_width: length of a token.
        summed: add the sum of the tokens to what tells the time, not each by its place: of words, whose places vary.
    """

    dimensions: int
    channels: int
    widths: Sequence[int]
    blocks: int
    attention_from: int
    head_width: int
    tokens: int = 0
    token_width: int = 64
    summed: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that MONAI's networks of this shape have in common."""
        return {
            "spatial_dims": self.dimensions,
            "in_channels": self.channels,
            "num_res_blocks": self.blocks,
            "channels": self.widths,
            "attention_levels": [level >= self.attention_from for level in range(len(self.widths))],
            "norm_num_groups": GROUPS,
            "num_head_channels": self.head_width,
            "with_conditioning": self.tokens > 0,
            "cross_attention_dim": self.token_width if self.tokens else None,
            "num_class_embeds": 1 if self.tokens else None,
            "use_flash_attention": True,
        }

    def tell_with_the_time(self, network: nn.Module) -> None:
        """Let all tokens of the context together be added to what tells the time, so that they reach every block.

        They take the place of the class that MONAI's networks are told so.
        """
        if self.tokens:
            width = 4 * self.widths[0]
            together, read = (_Sum(), 1) if self.summed else (nn.Flatten(), self.tokens)
            network.class_embedding = nn.Sequential(
                together, nn.Linear(read * self.token_width, width), nn.SiLU(), nn.Linear(width, width)
            )


class _Sum(nn.Module):
    def forward(self, tokens: Tensor) -> Tensor:
        return tokens.sum(dim=1)
