"""Families of generative models, found by name and imported only when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mrisynth.errors import ConfigError

if TYPE_CHECKING:
    from mrisynth.models.interface import Family

VOLUME_FAMILIES = {"hagan": "Hagan", "wgp_hagan": "WgpHagan"}
SLICE_FAMILIES = {"pacgan": "Pacgan", "stylegan": "Stylegan", "r3gan": "R3gan", "mssg": "Mssg"}
EITHER_FAMILIES = {"latent_diffusion": "LatentDiffusion", "mrgen": "Mrgen"}
FAMILIES = VOLUME_FAMILIES | SLICE_FAMILIES | EITHER_FAMILIES


def family(name: str) -> Family:
    """Return the family of that name.

    Raises:
        ConfigError: when no family has the name.
    """
    if name not in FAMILIES:
        raise ConfigError(f"family: there is no family {name!r}; there are {', '.join(sorted(FAMILIES))}.")
    return getattr(import_module(f"mrisynth.models.{name}"), FAMILIES[name])()
