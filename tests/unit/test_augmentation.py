"""Augmentation for critics: places, intensities, probabilities, slopes, and the strength over a training."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from mrisynth.errors import ConfigError
from mrisynth.training.augmentation import (
    AugmentationDraw,
    AugmentationRange,
    adapted,
    augment,
    draw_augmentation,
    strength_at,
)
from mrisynth.training.precision import computing_in

ALL = AugmentationRange(flip=True)
NONE = AugmentationRange(shift=0, rotation_deg=0, scale=0, gamma=0, flip=False)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _draw(ranges: AugmentationRange = ALL, batch: int = 4, *, strength: float = 1.0, seed: int = 0) -> AugmentationDraw:
    return draw_augmentation(ranges, batch, strength=strength, generator=_generator(seed))


def _images(*shape: int, seed: int = 1) -> torch.Tensor:
    return 2 * torch.rand(*shape, generator=_generator(seed)) - 1


def _smooth(batch: int = 2, size: int = 24, depth: int = 16) -> torch.Tensor:
    coarse = torch.rand(batch, 1, 4, 5, 5, generator=_generator(2))
    fine = functional.interpolate(coarse, (depth, size - 12, size - 12), mode="trilinear", align_corners=True)
    return functional.pad(2 * fine - 1, (6, 6, 6, 6), value=-1.0)


def _ball(y: float, z: float, *, height: int, width: int) -> torch.Tensor:
    """A soft ball of the plane, the same in each of 3 slices."""
    squares = (torch.arange(height)[:, None] - y) ** 2 + (torch.arange(width)[None, :] - z) ** 2
    return (2 * torch.exp(-squares / 8) - 1).expand(1, 1, 3, height, width)


def _centre_of_mass(images: torch.Tensor) -> tuple[float, float]:
    mass = images[0, 0, 0] + 1
    height, width = mass.shape
    total = mass.sum()
    return (
        float((mass.sum(1) * torch.arange(height)).sum() / total),
        float((mass.sum(0) * torch.arange(width)).sum() / total),
    )


def _moved(matrix: list[list[float]]) -> AugmentationDraw:
    return replace(AugmentationDraw.identity(1), matrix=torch.tensor([matrix]))


def test_a_shift_moves_by_exactly_that_many_voxels():
    images = _images(1, 1, 5, 16, 16)
    shifted = augment(images, _moved([[1.0, 0.0, -2 * 3 / 16], [0.0, 1.0, 2 * 2 / 16]]))
    torch.testing.assert_close(shifted[..., 3:, :14], images[..., :13, 2:], atol=1e-5, rtol=0)
    assert (shifted[..., :3, :] == -1).all()
    assert (shifted[..., 14:] == -1).all()


def test_a_drawn_shift_is_a_share_of_the_edge():
    draw = _draw(replace(NONE, shift=0.1), 200)
    shares = -draw.matrix[:, :, 2] / 2
    assert torch.equal(draw.matrix[:, :, :2], torch.eye(2).expand(200, 2, 2))
    assert 0.095 < shares.abs().max() <= 0.1
    ball = _ball(20, 18, height=40, width=40)
    for row in range(3):
        moved = augment(ball, draw.part(slice(row, row + 1)))
        expected = [20 + 40 * float(shares[row, 0]), 18 + 40 * float(shares[row, 1])]
        assert _centre_of_mass(moved) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("height", "width"), [(41, 41), (41, 31), (31, 41)])
def test_a_rotation_turns_about_the_centre_without_shear(height, width):
    draw = _draw(replace(NONE, rotation_deg=90), 1, seed=3)
    middle = torch.tensor([(height - 1) / 2, (width - 1) / 2])
    before = torch.tensor([7.0, -4.0])
    start = middle + before
    moved = augment(_ball(float(start[0]), float(start[1]), height=height, width=width), draw)
    after = torch.tensor(_centre_of_mass(moved)) - middle
    assert float(after.norm()) == pytest.approx(float(before.norm()), abs=0.05)
    torch.testing.assert_close(draw.matrix[0, :, :2] @ after, before, atol=0.05, rtol=0)
    assert torch.linalg.det(draw.matrix[0, :, :2]) == pytest.approx(1.0, abs=1e-6)


def test_a_scale_keeps_the_centre_and_is_alike_along_both_axes():
    draw = _draw(replace(NONE, scale=0.5), 1, seed=3)
    factor = 1 / float(draw.matrix[0, 0, 0])
    assert factor != 1
    assert float(draw.matrix[0, 1, 1]) == 1 / factor
    moved = augment(_ball(20 + 6, 15 - 5, height=41, width=31), draw)
    assert _centre_of_mass(moved) == pytest.approx([20 + 6 * factor, 15 - 5 * factor], abs=0.05)


def test_gamma_is_a_power_of_the_intensities_from_0_to_1():
    images = _images(2, 1, 6, 6, 6)
    draw = replace(AugmentationDraw.identity(2), exponent=torch.tensor([0.5, 2.0]))
    unit = (augment(images, draw) + 1) / 2
    expected = ((images + 1) / 2) ** draw.exponent.view(2, 1, 1, 1, 1)
    bright = (images + 1) / 2 > 1e-3
    torch.testing.assert_close(unit[bright], expected[bright], atol=1e-5, rtol=0)
    ends = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1, 1)
    torch.testing.assert_close(augment(ends, draw), ends, atol=1e-6, rtol=0)
    drawn = _draw(replace(NONE, gamma=0.2), 500).exponent.log()
    assert 0.195 < drawn.abs().max() <= 0.2
    assert abs(float(drawn.mean())) < 0.02


def test_values_stay_in_range():
    changed = augment(_images(16, 1, 6, 20, 20), _draw(batch=16))
    assert changed.min() >= -1 - 1e-6
    assert changed.max() <= 1 + 1e-6


def test_a_flip_mirrors_left_and_right():
    images = _images(2, 1, 6, 4, 4)
    flipped = augment(images, replace(AugmentationDraw.identity(2), flipped=torch.tensor([True, False])))
    assert torch.equal(flipped[0], images[0].flip(1))
    assert torch.equal(flipped[1], images[1])
    assert not _draw(replace(ALL, flip=False), 200).flipped.any()


def test_an_identity_draw_returns_the_images_exactly():
    images = _images(3, 1, 5, 8, 8)
    assert torch.equal(augment(images, AugmentationDraw.identity(3)), images)
    assert torch.equal(augment(images, _draw(batch=3, strength=0.0)), images)
    identity = _draw(batch=3, strength=0.0)
    changed = _draw(batch=1)
    mixed = AugmentationDraw(
        torch.cat([changed.matrix, identity.matrix[1:]]),
        torch.cat([changed.exponent, identity.exponent[1:]]),
        torch.cat([changed.flipped, identity.flipped[1:]]),
    )
    result = augment(images, mixed)
    assert torch.equal(result[1:], images[1:])
    assert not torch.allclose(result[0], images[0], atol=0.1)


def test_draws_are_functions_of_the_generator_and_cut_like_a_batch():
    whole, again, other = _draw(seed=5), _draw(seed=5), _draw(seed=6)
    assert torch.equal(whole.matrix, again.matrix)
    assert not torch.equal(whole.matrix, other.matrix)
    images = _images(4, 1, 5, 12, 12)
    halves = [augment(images[rows], whole.part(rows)) for rows in (slice(0, 1), slice(1, 4))]
    assert torch.equal(torch.cat(halves), augment(images, whole))


def test_the_numbers_consumed_do_not_depend_on_strength_or_ranges():
    states = []
    for ranges, strength in [(ALL, 0.0), (ALL, 1.0), (NONE, 0.3)]:
        generator = _generator()
        draw_augmentation(ranges, 7, strength=strength, generator=generator)
        states.append(generator.get_state())
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[2])


def test_a_stronger_draw_keeps_what_a_weaker_one_applied():
    weak, strong = _draw(replace(NONE, gamma=0.2), 100, strength=0.3), _draw(replace(NONE, gamma=0.2), 100)
    applied = weak.exponent != 1
    assert torch.equal(weak.exponent[applied], strong.exponent[applied])


def test_each_kind_is_applied_with_its_probability():
    count, strength = 20000, 0.3
    draw = _draw(batch=count, strength=strength)
    linear = draw.matrix[:, :, :2]
    shares = {
        "shift": (draw.matrix[:, :, 2] != 0).any(dim=1),
        "rotation": linear[:, 0, 1] != 0,
        "scale": (torch.linalg.det(linear) - 1).abs() > 1e-5,
        "gamma": draw.exponent != 1,
    }
    for kind, applied in shares.items():
        assert float(applied.float().mean()) == pytest.approx(strength, abs=0.015), kind
    assert float(draw.flipped.float().mean()) == pytest.approx(strength / 2, abs=0.015)
    both = shares["shift"] & shares["gamma"]
    assert float(both.float().mean()) == pytest.approx(strength**2, abs=0.015)


def test_a_slab_changes_as_it_does_inside_the_volume():
    images = _smooth(4)
    draw = _draw(replace(ALL, flip=False))
    torch.testing.assert_close(augment(images, draw)[:, :, 3:9], augment(images[:, :, 3:9], draw), atol=1e-6, rtol=0)
    flipping = replace(draw, flipped=torch.ones(4, dtype=torch.bool))
    mirrored = augment(images, flipping)[:, :, 16 - 6 - 3 : 16 - 3]
    torch.testing.assert_close(mirrored, augment(images[:, :, 3:9], flipping), atol=1e-6, rtol=0)


def test_the_low_resolution_copy_moves_with_the_volume():
    images = _smooth(4, size=48)
    draw = _draw(replace(ALL, gamma=0))
    low = functional.avg_pool3d(images, 2)
    of_changed = functional.avg_pool3d(augment(images, draw), 2)
    assert (augment(low, draw) - of_changed).abs().mean() < 0.1 * (low - of_changed).abs().mean()


def test_many_draws_leave_the_mean_image_centred():
    ball = _ball(20, 20, height=41, width=41)
    mean = augment(ball.expand(1500, 1, 3, 41, 41)[:, :, :1], _draw(batch=1500)).mean(dim=0, keepdim=True)
    assert _centre_of_mass(mean) == pytest.approx([20, 20], abs=0.15)


def test_slopes_are_those_of_finite_differences_once_and_twice():
    images = (0.95 * _images(2, 1, 2, 5, 4)).double().requires_grad_()
    draw = _draw(batch=2, seed=8)
    assert torch.autograd.gradcheck(lambda shown: augment(shown, draw), (images,))
    assert torch.autograd.gradgradcheck(lambda shown: augment(shown, draw), (images,))


def test_slopes_are_finite_and_reach_the_background():
    images = torch.full((8, 1, 3, 12, 12), -1.0, requires_grad=True)
    augment(images, _draw(batch=8)).sum().backward()
    assert torch.isfinite(images.grad).all()
    assert (images.grad[:, :, :, 4:8, 4:8] > 0).all()


def test_precision_and_type_of_the_images():
    images, draw = _images(2, 1, 3, 32, 32), _draw(batch=2)
    expected = augment(images, draw)
    with computing_in("bf16", images):
        assert torch.equal(augment(images, draw), expected)
        assert torch.equal(_draw(batch=2).matrix, draw.matrix)
    half = augment(images.bfloat16(), draw)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half, augment(images.bfloat16().float(), draw).bfloat16(), atol=0, rtol=0)


def test_it_runs_without_data():
    images = torch.empty(2, 1, 8, 16, 16, device="meta", requires_grad=True)
    changed = augment(images, _draw(batch=2))
    assert changed.shape == images.shape
    (slope,) = torch.autograd.grad(changed.sum(), images, create_graph=True)
    assert slope.is_meta


def test_a_strength_that_is_no_probability_is_refused():
    with pytest.raises(ConfigError, match=r"strength is 1\.2; expected a probability, 0 to 1"):
        _draw(strength=1.2)


def test_the_strength_over_a_training():
    def at(kind: str, seen: int, ramp_images: int = 1000) -> float:
        return strength_at(kind, most=0.4, images_seen=seen, ramp_images=ramp_images)

    assert [at("none", 500), at("fixed", 0), at("ramp", 0)] == [0, 0.4, 0]
    assert at("ramp", 500) == pytest.approx(0.2)
    assert at("ramp", 5000) == at("ramp", 0, ramp_images=0) == 0.4
    with pytest.raises(ConfigError, match="'adaptive'; expected none, fixed or ramp"):
        at("adaptive", 0)


def test_the_adapted_strength_follows_the_critic():
    def after(strength: float, sign: float) -> float:
        return adapted(strength, sign=sign, images=50, images_to_full=1000, most=0.8)

    assert after(0.3, 0.7) == pytest.approx(0.35)
    assert after(0.3, 0.5) == after(0.3, 0.6) == pytest.approx(0.25)
    assert after(0.02, -1.0) == 0.0
    assert after(0.79, 1.0) == 0.8
