"""Region covariates of a study: in what they are measured, in whose maps, in which columns. Cheap to import."""

from __future__ import annotations

from dataclasses import dataclass

from mrisynth.region_numberings import NUMBERINGS, ordered, structures_of

KEY = "covariates.regions"

OF_TISSUES = {
    "ventricles": ("ventricles",),
    "grey_matter": ("total_grey",),
    "brain": ("total_grey", "total_white"),
}
"""Structure -> the region volumes that it is the sum of, without label maps; they cannot tell hippocampi."""


@dataclass(frozen=True, kw_only=True)
class RegionPlan:
    """What is measured of the regions of real scans.

    Attributes:
        origin: ``none``, ``label_maps`` or ``tissue``.
        folders: name of a cohort (empty where a study has one) -> folder of its label maps, None for the maps that its
            simulated heads come with; a cohort that is not named has no maps.
        named_by_member: whether maps of a member of several cohorts are named as the member names its scans.
        numbering: of the maps, ``auto`` for each map by itself.
        structures: structures of the user's own -> labels.
    """

    origin: str
    folders: dict[str, str | None]
    named_by_member: bool
    numbering: str
    structures: dict[str, list[int]]

    @property
    def columns(self) -> list[str]:
        """The columns that the table can have, in their order; those of ``auto`` are those of all numberings."""
        if self.origin == "none":
            return []
        if self.origin == "tissue":
            return [f"{name}_ml" for name in OF_TISSUES]
        known = list(NUMBERINGS) if self.numbering == "auto" else [self.numbering]
        names = {name for one in known for name in structures_of(one, self.structures)}
        return [f"{name}_ml" for name in ordered(names)]
