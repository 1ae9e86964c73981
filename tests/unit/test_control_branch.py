"""The branch that lets masks steer a denoiser."""

from __future__ import annotations

import pytest
import torch

from mrisynth import mask_stage
from mrisynth.networks.control_branch import NO_MASK, ControlBranch
from mrisynth.networks.denoiser import Denoiser
from mrisynth.networks.unet_shape import UnetShape

SHARED = {"channels": 4, "widths": [16, 32], "blocks": 1, "attention_from": 1, "head_width": 16, "token_width": 8}


def _pair(dimensions=2, *, tokens=2, classes=3, greys=None, factor=4, told=False):
    torch.manual_seed(0)
    shape = UnetShape(dimensions=dimensions, tokens=tokens, **SHARED)
    denoiser = Denoiser(shape)
    for weight in denoiser.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    return denoiser, ControlBranch(shape, classes=classes, patch=2, factor=factor, greys=greys, told=told)


@pytest.mark.parametrize(("dimensions", "tokens", "factor"), [(2, 0, 4), (2, 2, 2), (3, 2, 8)])
def test_a_branch_begins_with_adding_nothing_and_then_steers(dimensions, tokens, factor):
    denoiser, branch = _pair(dimensions, tokens=tokens, factor=factor)
    branch.start_from(denoiser)
    latents, times = torch.randn(2, 4, *[4] * dimensions), torch.tensor([0.3, 0.6])
    context = torch.randn(2, tokens, 8) if tokens else None
    masks = torch.randint(0, 4, (2, *[4 * factor] * dimensions))
    hints = branch.hints(masks)
    assert hints.shape == (2, 3, *[4 * factor] * dimensions)
    alone = denoiser(latents, times, context)
    assert torch.allclose(alone, denoiser(latents, times, context, added=branch(latents, times, hints, context)))
    for name, weight in branch.named_parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
            assert "controlnet" in name, "all else begins as the denoiser"
    steered = denoiser(latents, times, context, added=branch(latents, times, hints, context))
    assert not torch.allclose(alone, steered, atol=1e-3)
    other = branch.hints(masks.flip(1))
    assert not torch.allclose(steered, denoiser(latents, times, context, added=branch(latents, times, other, context)))


def test_a_single_voxel_of_a_mask_is_heard():
    _, branch = _pair(factor=4)
    for weight in branch.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    latents, times, context = torch.randn(1, 4, 4, 4), torch.tensor([0.5]), torch.randn(1, 2, 8)
    masks = torch.zeros(1, 16, 16, dtype=torch.uint8)
    thin = masks.clone()
    thin[0, 7, 9] = 2
    empty, one = (branch(latents, times, branch.hints(mask), context)[1] for mask in (masks, thin))
    assert not torch.equal(empty, one)


@pytest.mark.parametrize("told", [False, True])
def test_a_branch_hears_the_condition_only_where_it_is_told(told):
    _, branch = _pair(told=told)
    for weight in branch.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    latents, times, hints = torch.randn(1, 4, 4, 4), torch.tensor([0.5]), branch.hints(torch.ones(1, 16, 16))
    south, nothing = torch.randn(1, 2, 8), torch.zeros(1, 2, 8)
    heard, unheard = (branch(latents, times, hints, context)[1] for context in (south, nothing))
    assert torch.equal(heard, unheard) is not told


def test_masks_are_packed_with_the_value_that_the_branch_takes_for_unknown():
    assert mask_stage.UNKNOWN == NO_MASK


def test_unknown_masks_are_background_and_greys_are_one_channel():
    _, branch = _pair(greys=[-1.0, -0.4, 0.2, 1.0])
    masks = torch.tensor([[[0, 1], [2, 3]], [[NO_MASK] * 2] * 2], dtype=torch.uint8)
    hints = branch.hints(masks)
    assert hints.shape == (2, 1, 2, 2)
    assert torch.equal(hints[0, 0], torch.tensor([[-1.0, -0.4], [0.2, 1.0]]))
    assert (hints[1] == -1).all()
    _, plain = _pair()
    shown = plain.hints(masks)
    assert shown[0, :, 1, 0].tolist() == [0, 1, 0] and not shown[1].any()
