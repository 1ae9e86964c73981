"""WGP-HAGAN: HAGAN's networks with Wasserstein critics held to slope one by a gradient penalty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mrisynth.models.hagan import Hagan, HaganSettings, Heads
from mrisynth.training.losses import gradient_penalty, wasserstein_critic_loss, wasserstein_generator_loss


@dataclass(frozen=True, kw_only=True)
class WgpHaganSettings(HaganSettings):
    """The ``recipe:`` of a model of this family; see the configuration's description of every key."""

    high_weight: float = 4.0
    condition_weight: float = 10.0
    gradient_penalty: float = 10.0
    spectral_norm: bool = False


class WgpHagan(Hagan):
    """HAGAN with Wasserstein losses, each critic with a penalty of its own (Gulrajani et al. 2017).

    The penalty replaces spectral normalisation (published: both at once), and the critics step at least as often
    as the generator (published: one step of the critics to five of the generator).
    """

    name = "wgp_hagan"
    defaults = WgpHaganSettings()

    def critic_loss(
        self,
        critic: Callable[[Tensor], Heads],
        *,
        reals: Tensor,
        fakes: Tensor,
        scores: tuple[Tensor, Tensor],
        settings: WgpHaganSettings,
        random: torch.Generator,
    ) -> Tensor:
        """Return the Wasserstein loss of one critic plus its penalty."""
        mix = torch.rand(len(reals), generator=random).to(reals.device)
        penalty = gradient_penalty(lambda images: critic(images)[0], reals, fakes, mix=mix)
        return wasserstein_critic_loss(*scores) + settings.gradient_penalty * penalty

    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        """Return minus the mean score."""
        return wasserstein_generator_loss(fake_scores)
