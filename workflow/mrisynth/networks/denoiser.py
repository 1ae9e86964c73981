"""The network that says of a noisy latent where it comes from, told the time and the context."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mrisynth.networks.unet_shape import TIMES, UnetShape


class Denoiser(nn.Module):
    """MONAI's U-Net; it begins with saying 0 of everything.

    Args:
        shape: of the network.
    """

    def __init__(self, shape: UnetShape) -> None:
        super().__init__()
        from monai.networks.nets import DiffusionModelUNet

        self.network = DiffusionModelUNet(out_channels=shape.channels, **shape.arguments)
        shape.tell_with_the_time(self.network)

    def forward(
        self,
        latents: Tensor,
        times: Tensor,
        context: Tensor | None = None,
        *,
        added: tuple[Sequence[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Return what the objective asks for, of the shape of the latents.

        Args:
            latents: [batch, channels, n, ...].
            times: [batch], from 0 to 1, which is all noise.
            context: [batch, tokens, width]; None for a network that is told nothing.
            added: to the features of each layer on the way down, and in the middle; see
                :class:`mrisynth.networks.control_branch.ControlBranch`.
        """
        down, middle = added if added is not None else (None, None)
        return self.network(
            latents, times * TIMES, context=context, class_labels=context,
            down_block_additional_residuals=down, mid_block_additional_residual=middle,
        )  # fmt: skip
