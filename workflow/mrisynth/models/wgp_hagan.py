"""WGP-HAGAN: HAGAN's networks with Wasserstein critics held to slope one by a gradient penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mrisynth.models.hagan import Hagan
from mrisynth.models.hagan_settings import HaganSettings


@dataclass(frozen=True, kw_only=True)
class WgpHaganSettings(HaganSettings):
    """The ``recipe:`` of a model of this family; see the configuration's description of every key."""

    loss: str = "wasserstein"
    penalty: str = "slope_one"
    penalty_weight: float = 10.0
    high_weight: float = 4.0
    condition_weight: float = 10.0
    condition_weight_generator: float = 10.0
    learning_rate_generator: float = 1e-4
    learning_rate_critic: float = 4e-4
    betas: Sequence[float] = (0.0, 0.99)


class WgpHagan(Hagan):
    """HAGAN with Wasserstein losses, each critic with a penalty of its own (Gulrajani et al. 2017)."""

    name = "wgp_hagan"
    defaults = WgpHaganSettings()
