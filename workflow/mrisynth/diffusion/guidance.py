"""Classifier-free guidance (Ho and Salimans 2022): samples that follow what they are told more strongly."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mrisynth.diffusion.rectified_flow import Predict


def guided(predict: Callable[[Tensor, Tensor, Tensor], Tensor], context: Tensor | None, *, scale: float) -> Predict:
    """Return a prediction that goes ``scale`` times as far from the one without a context as that with it.

    Args:
        predict: (x, times, context) to what the network says.
        context: [batch, tokens, width]; without a context it is zeros. None where the network is told nothing.
        scale: 1 takes the prediction as it is, and calls the network for half as many images.
    """
    if context is None or scale == 1:
        return lambda x, times: predict(x, times, context)
    both = torch.cat([context, torch.zeros_like(context)])

    def said(x: Tensor, times: Tensor) -> Tensor:
        told, untold = predict(torch.cat([x, x]), torch.cat([times, times]), both).chunk(2)
        return untold + scale * (told - untold)

    return said
