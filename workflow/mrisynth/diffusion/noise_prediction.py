"""Denoising diffusion whose network says the noise (Ho et al. 2020), sampled without new noise.

A thousand steps of a scaled-linear schedule, as in latent diffusion (Rombach et al. 2022) and MRGen. Samples are drawn
by DDIM (Song et al. 2020) or PNDM (Liu et al. 2022). Strided DDPM is not offered: MONAI 1.6 then takes every step as
one of a thousand, and of 50 steps noise is left.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from mrisynth.diffusion.rectified_flow import Predict

STEPS = 1000
_FIRST, _LAST = 0.00085, 0.012
SAMPLERS = ("ddim", "pndm")


@cache
def kept_shares() -> Tensor:
    """Return how much of the image's variance is left after each of the thousand steps, float64 [1000]."""
    betas = torch.linspace(_FIRST**0.5, _LAST**0.5, STEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, dim=0)


def noised(clean: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
    """Return images after so many steps; shapes [batch, ...], [batch, ...] and int64 [batch], 0 to 999."""
    kept = kept_shares().to(clean.device, clean.dtype)[steps].view(-1, *[1] * (clean.dim() - 1))
    return kept.sqrt() * clean + (1 - kept).sqrt() * noise


def denoise(predict: Predict, noise: Tensor, *, steps: int, sampler: str = "ddim") -> Tensor:
    """Go from noise [batch, ...] to an image; ``predict`` is asked for the noise in x at times from 0 to 1.

    Args:
        predict: the network; its times are steps over :data:`STEPS`.
        noise: standard normal.
        steps: number of steps, at most :data:`STEPS`.
        sampler: one of :data:`SAMPLERS`.
    """
    return (_ddim if sampler == "ddim" else _pndm)(predict, noise, steps)


def _ddim(predict: Predict, noise: Tensor, steps: int) -> Tensor:
    """Each step goes to the next one that is taken (MONAI's goes a fixed number on), the last to the clean image."""
    taken = torch.linspace(STEPS - 1, 0, steps).round().long().tolist()
    left = [float(kept_shares()[step]) for step in taken] + [1.0]
    x = noise
    for step, kept, next_kept in zip(taken, left[:-1], left[1:], strict=True):
        said = predict(x, noise.new_full((len(noise),), step / STEPS))
        clean = (x - (1 - kept) ** 0.5 * said) / kept**0.5
        x = next_kept**0.5 * clean + (1 - next_kept) ** 0.5 * said
    return x


def _pndm(predict: Predict, noise: Tensor, steps: int) -> Tensor:
    from monai.networks.schedulers import PNDMScheduler

    schedule = PNDMScheduler(
        STEPS, schedule="scaled_linear_beta", beta_start=_FIRST, beta_end=_LAST, skip_prk_steps=True
    )
    schedule.set_timesteps(steps, device="cpu")
    x = noise
    for step in schedule.timesteps:
        said = predict(x, noise.new_full((len(noise),), float(step) / STEPS))
        x, _ = schedule.step(said, int(step), x)
    return x
