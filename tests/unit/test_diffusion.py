"""Samplers against distributions whose best prediction is known in closed form."""

from __future__ import annotations

import pytest
import torch

from mrisynth.diffusion.guidance import guided
from mrisynth.diffusion.noise_prediction import STEPS, denoise, kept_shares, noised
from mrisynth.diffusion.rectified_flow import draw_times, flow, mixed, slope

MEAN, DEVIATION = 0.3, 0.5
NOISE = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _best_slope(x, times):
    """What the perfect network says of images that are normal: the mean of noise - image, given their mix."""
    t = times[:, None]
    variance = (1 - t) ** 2 * DEVIATION**2 + t**2
    surplus = x - (1 - t) * MEAN
    image = MEAN + (1 - t) * DEVIATION**2 / variance * surplus
    noise = t / variance * surplus
    return noise - image


def _best_noise(x, times):
    kept = kept_shares()[(times * STEPS).round().long()][:, None]
    variance = kept * DEVIATION**2 + 1 - kept
    return (1 - kept).sqrt() / variance * (x - kept.sqrt() * MEAN)


@pytest.mark.parametrize(
    ("sampler", "steps", "within"), [("euler", 30, 0.03), ("euler", 200, 0.005), ("heun", 30, 0.003)]
)
def test_the_flow_of_the_perfect_network_ends_in_the_images_distribution(sampler, steps, within):
    found = flow(_best_slope, NOISE, steps=steps, sampler=sampler)
    assert found.mean() == pytest.approx(MEAN, abs=0.01)
    assert found.std() == pytest.approx(DEVIATION, abs=within)


@pytest.mark.parametrize(("sampler", "steps", "within"), [("ddim", 50, 0.03), ("ddim", 250, 0.006), ("pndm", 50, 0.02)])
def test_noise_is_taken_out_to_the_images_distribution(sampler, steps, within):
    found = denoise(_best_noise, NOISE, steps=steps, sampler=sampler)
    assert found.mean() == pytest.approx(MEAN, abs=0.02)
    assert found.std() == pytest.approx(DEVIATION, abs=within)


def test_heun_asks_twice_a_step_but_once_at_the_end():
    asked = []

    def predict(x, times):
        asked.append(float(times[0]))
        return torch.zeros_like(x)

    flow(predict, torch.zeros(2, 1), steps=4, sampler="heun")
    assert asked == [1, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25]


def test_lines_lead_from_the_image_to_the_noise():
    clean, noise = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    times = torch.tensor([0.0, 0.25, 1.0])
    x = mixed(clean, noise, times)
    assert torch.equal(x[0], clean[0]) and torch.equal(x[2], noise[2])
    back = x - times.view(-1, 1, 1, 1) * slope(clean, noise)
    assert torch.allclose(back, clean, atol=1e-6)


def test_noise_grows_with_the_steps():
    clean = torch.ones(3, 50_000)
    x = noised(clean, torch.randn(3, 50_000), torch.tensor([0, 500, 999]))
    kept = kept_shares()[[0, 500, 999]].float()
    assert torch.allclose(x.mean(dim=1), kept.sqrt(), atol=0.02)
    assert torch.allclose(x.var(dim=1), 1 - kept, atol=0.02)
    assert kept[0] > 0.999 and kept[2] < 0.01


@pytest.mark.parametrize(("kind", "inner"), [("uniform", 0.5), ("logit_normal", 0.727)])
def test_times_are_spread_over_the_batch(kind, inner):
    times = draw_times(4000, kind=kind, generator=torch.Generator().manual_seed(3))
    assert times.min() > 0 and times.max() < 1
    assert ((times > 0.25) & (times < 0.75)).float().mean() == pytest.approx(inner, abs=0.01)
    few = draw_times(4, kind="uniform", generator=torch.Generator().manual_seed(4)).sort().values
    assert [int(time * 4) for time in few] == [0, 1, 2, 3]


def test_guidance_goes_on_past_what_is_told():
    def predict(x, times, context):
        return x + context.sum(dim=(1, 2))[:, None]

    x, context = torch.ones(2, 1), torch.tensor([[[1.0, 2.0]], [[0.0, 4.0]]])
    times = torch.zeros(2)
    assert torch.allclose(guided(predict, context, scale=3)(x, times), torch.tensor([[10.0], [13.0]]))
    assert torch.allclose(guided(predict, context, scale=1)(x, times), torch.tensor([[4.0], [5.0]]))
    assert torch.allclose(guided(predict, context, scale=0)(x, times), x)
