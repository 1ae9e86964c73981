"""A convolution and a leaky rectifier whose slope by the images can itself be derived at little cost.

A gradient penalty derives the slope of scores by images once more, by the weights. torch's own layers do that by
general rules: the weights of a convolution by another convolution with kernels as large as images, the rectifier by
zeros that are then carried through all layers before it. Here the first is the ordinary gradient of weights, which is
the same sum, and the second is left out. First derivatives are those of torch, except that the weights get none where
the derivative is to be derived again (``create_graph``): a penalty asks for that of the images alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from mrisynth.networks.blocks import LEAK

_BACKWARD = torch.ops.aten.convolution_backward


def convolve(images: Tensor, weight: Tensor, bias: Tensor, *, padding: int) -> Tensor:
    """Return the convolution of stride 1 of images [batch, inputs, row, column], zeros around them."""
    return _Convolution.apply(images, weight, bias, padding)


def leak(features: Tensor) -> Tensor:
    """Return features with those below 0 times 0.2."""
    return _Leak.apply(features)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.padding = padding
        return functional.conv2d(images, weight, bias, padding=padding)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be derived again
            return _ConvolutionSlope.apply(slope, weight, ctx.padding), None, None, None
        return *_gradients(slope, images, weight, padding=ctx.padding, wanted=ctx.needs_input_grad[:3]), None


class _ConvolutionSlope(torch.autograd.Function):
    """The slope by the images: linear in the slope from above, and in the weights."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, weight: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(slope, weight)
        ctx.padding = padding
        return functional.conv_transpose2d(slope, weight, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, Tensor, None]:
        slope, weight = ctx.saved_tensors
        _, by_weight, _ = _gradients(slope, above, weight, padding=ctx.padding, wanted=(False, True, False))
        return functional.conv2d(above, weight, padding=ctx.padding), by_weight, None


class _Leak(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        result = functional.leaky_relu(features, LEAK)
        ctx.save_for_backward(result)  # it has the signs of the features, and the next layer keeps it anyway
        return result

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return _LeakSlope.apply(slope, ctx.saved_tensors[0].detach())


class _LeakSlope(torch.autograd.Function):
    """The slope by the features: linear in the slope from above."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, result: Tensor) -> Tensor:
        ctx.save_for_backward(result)
        return torch.ops.aten.leaky_relu_backward(slope, result, LEAK, True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, None]:
        return torch.ops.aten.leaky_relu_backward(above, ctx.saved_tensors[0], LEAK, True), None


def _gradients(
    slope: Tensor, images: Tensor, weight: Tensor, *, padding: int, wanted: tuple[bool, ...]
) -> tuple[Tensor | None, ...]:
    """Return the gradients by images, weight and bias of a convolution of stride 1, each where it is wanted."""
    return _BACKWARD(
        slope, images, weight, [len(weight)], [1, 1], [padding] * 2, [1, 1], False, [0, 0], 1, list(wanted)
    )
