"""Augmentation of slices: the same moves as in a volume's plane, mirrored along the columns and never the rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from mrisynth.training.augmentation import AugmentationDraw, AugmentationRange, augment, draw_augmentation
from mrisynth.training.slice_augmentation import augment_slices

ALL = AugmentationRange(flip=True)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _draw(batch: int, ranges: AugmentationRange = ALL, *, seed: int = 0, strength: float = 1.0) -> AugmentationDraw:
    return draw_augmentation(ranges, batch, strength=strength, generator=_generator(seed))


def _flipping(flags: list[bool]) -> AugmentationDraw:
    return replace(AugmentationDraw.identity(len(flags)), flipped=torch.tensor(flags))


def _images(*shape: int, seed: int = 1) -> torch.Tensor:
    return 2 * torch.rand(*shape, generator=_generator(seed)) - 1


def _sampled(images: torch.Tensor, draw: AugmentationDraw) -> torch.Tensor:
    """Torch's own affine_grid and grid_sample, for square images: the matrix with rows and columns exchanged."""
    matrix = draw.matrix.flip(1)  # (y, z, 1) -> (y, z) becomes (x, y, 1) -> (x, y), where x counts columns
    matrix = torch.cat([matrix[:, :, :2].flip(2), matrix[:, :, 2:]], dim=2)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    mirrored = torch.where(draw.flipped.view(-1, 1, 1, 1), images.flip(-1), images)
    moved = functional.grid_sample(mirrored + 1, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    unit = moved / 2
    return 2 * unit * unit.clamp(min=1e-3) ** (draw.exponent.view(-1, 1, 1, 1) - 1) - 1


def test_an_identity_draw_returns_the_images_exactly():
    images = _images(3, 1, 12, 12)
    assert torch.equal(augment_slices(images, AugmentationDraw.identity(3)), images)
    assert torch.equal(augment_slices(images, _draw(3, strength=0.0)), images)
    some = replace(_draw(3, seed=4), flipped=torch.tensor([False, True, False]))
    mixed = replace(
        some,
        matrix=torch.cat([some.matrix[:2], torch.eye(2, 3)[None]]),
        exponent=torch.cat([some.exponent[:2], torch.ones(1)]),
    )
    changed = augment_slices(images, mixed)
    assert torch.equal(changed[2], images[2])
    assert not torch.allclose(changed[0], images[0], atol=0.1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_flip_mirrors_columns_and_neither_rows_nor_channels(channels):
    images = _images(2, channels, 6, 8)
    flipped = augment_slices(images, _flipping([True, False]))
    for row in range(6):
        assert torch.equal(flipped[0, :, row], images[0, :, row, torch.arange(7, -1, -1)])
    assert torch.equal(flipped[1], images[1])


@pytest.mark.parametrize("channels", [1, 3])
def test_it_agrees_with_torchs_own_sampling(channels):
    images, draw = _images(16, channels, 20, 20), _draw(16)
    assert 0 < int(draw.flipped.sum()) < 16
    torch.testing.assert_close(augment_slices(images, draw), _sampled(images, draw), atol=2e-5, rtol=0)


def test_a_slice_moves_as_it_does_in_a_volume():
    volumes, draw = _images(5, 1, 4, 18, 14), _draw(5, replace(ALL, flip=False))
    inside = augment(volumes, draw)[:, 0]
    for x in range(4):
        torch.testing.assert_close(augment_slices(volumes[:, :, x], draw)[:, 0], inside[:, x], atol=1e-6, rtol=0)


def test_the_channels_of_a_colour_image_move_together():
    grey, draw = _images(8, 1, 16, 16), _draw(8)
    colour = augment_slices(grey.expand(8, 3, 16, 16), draw)
    torch.testing.assert_close(colour, augment_slices(grey, draw).expand(8, 3, 16, 16), atol=1e-6, rtol=0)
    apart = _images(8, 3, 16, 16)
    each = [augment_slices(apart[:, one : one + 1], draw) for one in range(3)]
    torch.testing.assert_close(augment_slices(apart, draw), torch.cat(each, dim=1), atol=1e-6, rtol=0)


def test_slopes_are_those_of_finite_differences_once_and_twice():
    images = (0.95 * _images(4, 2, 5, 4)).double().requires_grad_()
    draw = _draw(4, seed=1)
    assert 0 < int(draw.flipped.sum()) < 4
    assert torch.autograd.gradcheck(lambda shown: augment_slices(shown, draw), (images,))
    assert torch.autograd.gradgradcheck(lambda shown: augment_slices(shown, draw), (images,))


def test_no_draw_turns_a_slice_upside_down_or_by_a_quarter():
    """A bright spot at the top, left of the middle, stays in the upper half whatever is drawn."""
    spot = torch.full((400, 1, 24, 24), -1.0)
    spot[:, :, 4:7, 8:11] = 1.0
    mass = augment_slices(spot, _draw(400))[:, 0] + 1
    rows = (mass.sum(2) * torch.arange(24.0)).sum(1) / mass.sum((1, 2))
    columns = (mass.sum(1) * torch.arange(24.0)).sum(1) / mass.sum((1, 2))
    assert rows.max() < 11.5
    left = float((columns < 11.5).float().mean())
    assert left == pytest.approx(0.5, abs=0.1)  # half of them mirrored


def test_pieces_are_changed_as_the_whole_batch():
    images, draw = _images(6, 1, 10, 10), _draw(6)
    pieces = [augment_slices(images[rows], draw.part(rows)) for rows in (slice(0, 1), slice(1, 4), slice(4, 6))]
    assert torch.equal(torch.cat(pieces), augment_slices(images, draw))


def test_it_runs_without_data_and_keeps_the_type():
    images = torch.empty(2, 1, 16, 16, device="meta", requires_grad=True)
    changed = augment_slices(images, _draw(2))
    (slope,) = torch.autograd.grad(changed.sum(), images, create_graph=True)
    assert changed.shape == images.shape
    assert slope.is_meta
    assert augment_slices(_images(2, 1, 8, 8).bfloat16(), _draw(2)).dtype == torch.bfloat16
