"""Images that a mask steers, each seeded by its own number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mrisynth.errors import MrisynthError
from mrisynth.sampling import Sampler
from mrisynth.seeds import derive_seed
from mrisynth.store import from_unit
from mrisynth.told import Label
from mrisynth.wishes import Condition


def seed_of_try(seed: int, name: str, mask: str, number: int) -> int:
    """Return the seed of one candidate: of the study, the entry of ``synthesis``, the mask and the try."""
    return derive_seed(seed, "synthesis", name, mask, number)


def guide(sampler: Sampler, guidance: float | None) -> Sampler:
    """Return a sampler whose images go so far in the direction of what they are told; None leaves it as it is."""
    if guidance is not None:
        sampler.network.guidance = guidance
    return sampler


def images_for_mask(
    sampler: Sampler, mask: np.ndarray, seeds: dict[int, int], *, condition: Condition
) -> tuple[np.ndarray, list[Label]]:
    """Return candidates for a mask and what each was told.

    As in :class:`mrisynth.sampling.Sampler`, where several images are made at once try k is always at place k modulo
    their number, beside others for the same mask, so that it depends on its own seed alone.

    Args:
        sampler: of a model that masks steer.
        mask: whole numbers [...], 0 = background, of the size of the model.
        seeds: number of the try -> seed.
        condition: see :meth:`mrisynth.sampling.Sampler.draw`.

    Returns:
        uint8 [tries, ...] in the order of ``seeds``, and labels.

    Raises:
        MrisynthError: no mask steers the model, or the mask is of another shape.
    """
    if getattr(sampler.network, "control", None) is None:
        raise MrisynthError(f"Model {sampler.recipe.name} has learnt no masks; expected one of family mrgen.")
    if mask.shape != sampler.recipe.packed_shape:
        raise MrisynthError(
            f"The mask is {mask.shape}; model {sampler.recipe.name} makes {sampler.recipe.packed_shape}."
        )
    wish, made = sampler.wish(condition), dict[int, np.ndarray]()
    labels = {number: wish.draw(seed) for number, seed in seeds.items()}
    steering = torch.from_numpy(np.array(mask))[None]
    for group in _groups(list(seeds), sampler.together):
        latents = torch.zeros(sampler.together, *sampler.latent_shape)
        told = [labels[group[0]]] * sampler.together
        for number in group:
            place = number % sampler.together
            generator = torch.Generator().manual_seed(seeds[number])
            latents[place] = torch.randn(1, *latents.shape[1:], generator=generator)[0]
            told[place] = labels[number]
        images, _ = sampler.generate(latents, told, steering.expand(sampler.together, *mask.shape))
        made |= {number: from_unit(images[number % sampler.together]).cpu().numpy() for number in group}
    return np.stack([made[number] for number in seeds]), list(labels.values())


def _groups(numbers: Sequence[int], together: int) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    for number in numbers:
        found.setdefault(number // together, []).append(number)
    return list(found.values())
