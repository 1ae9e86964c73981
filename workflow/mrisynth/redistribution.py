"""Redistribution: whether results of a study may be given to others, on whose word, under which licence. Cheap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mrisynth.errors import ConfigError, MrisynthError

KEY = "cohort.redistribution"

_IXI_ATTRIBUTION = (
    "Made from the IXI dataset (Information eXtraction from Images, EPSRC GR/S21533/02), "
    "https://brain-development.org/ixi-dataset/, which is licensed under CC BY-SA 3.0; changed: models were trained on "
    "its T1-weighted scans, and what is called a sample is synthetic."
)
_ICBM_ATTRIBUTION = (
    "Simulated from the ICBM 152 2009a template, Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging "
    "Centre, Montreal Neurological Institute, McGill University; no person was scanned for it."
)
_ADNI = (
    "the ADNI data use agreement allows no redistribution of data of participants, raw or derived; whether models and "
    "synthetic scans are derived is not settled by its text, so they count as derived"
)
_UK_BIOBANK = (
    "the material transfer agreement of UK Biobank keeps data of participants, and what is derived of them, with the "
    "researchers whom it names"
)
_OWN = "nobody has said that data of these participants, or what is made of them, may be given to others"


@dataclass(frozen=True, kw_only=True)
class Redistribution:
    """What may be done with the results of a study.

    Attributes:
        cohort: kind of cohort, as in ``cohort.name``.
        allowed: whether volumes, embeddings, models, samples and pictures of them may leave the study's folder. Scores,
            curves and other figures of groups may always be published.
        stated: whether the user said so, rather than the licence of the cohort.
        basis: on whose word, as a clause: the licence, the user's statement, or what forbids it.
        licence: licence of what is passed on; None where nobody stated one.
        attribution: whom to name; None where nobody stated it.
    """

    cohort: str
    allowed: bool
    stated: bool
    basis: str
    licence: str | None
    attribution: str | None

    @property
    def words(self) -> str:
        """What a page says of who may have the results."""
        if not self.allowed:
            return (
                "RESTRICTED COHORT: scans, tables of participants, embeddings, models, samples and pictures of them "
                f"must not leave those who may have its data: {self.basis}. Scores may be published."
            )
        by = f"the user states: {self.basis}" if self.stated else self.basis
        terms = f"Licence: {self.licence}." if self.licence else "Nobody stated a licence."
        return " ".join(filter(None, (f"May be passed on ({by}).", terms, self.attribution)))

    def require(self, what: str) -> None:
        """Raise where results may not be passed on.

        Args:
            what: the thing that was asked for, as the subject of a sentence, such as ``The export``.

        Raises:
            MrisynthError: they may not; the message says why, and which key states the right.
        """
        if not self.allowed:
            raise MrisynthError(
                f"{what} is refused: {self.basis}. If you have the right all the same, state it in the configuration, "
                f"`{KEY}: {{allowed: true, basis: WHO ALLOWED IT, WHEN AND FOR WHAT}}`; both go into every report."
            )

    def record(self) -> dict[str, Any]:
        """Return all attributes and ``words`` for a JSON file."""
        return asdict(self) | {"words": self.words}


_BY_COHORT: dict[str, tuple[bool, str, str | None, str | None]] = {  # allowed, basis, licence, attribution
    "ixi": (True, "the licence of IXI", "CC BY-SA 3.0", _IXI_ATTRIBUTION),
    "simulated": (True, "nobody was scanned", None, _ICBM_ATTRIBUTION),
    "adni": (False, _ADNI, None, None),
    "ukbiobank": (False, _UK_BIOBANK, None, None),
    "own": (False, _OWN, None, None),
}


_OF_ONES_OWN = ("bids", "images", "exchange")


def decide(cohort: Mapping[str, Any], *, own_scans: bool = False) -> Redistribution:
    """Return what may be done with the results of a study, from its cohort and what the user states of it.

    Args:
        cohort: the block ``cohort`` of the configuration, defaults filled in.
        own_scans: whether an ``ixi`` cohort is a folder of other scans, of which the licence of IXI says nothing.

    Raises:
        ConfigError: the user states a right but not on whose word.
    """
    name, stated = cohort["name"], cohort["redistribution"]
    origin = "own" if name in _OF_ONES_OWN or (name == "ixi" and own_scans) else name
    allowed, basis, licence, attribution = _BY_COHORT[origin]
    said = (stated["basis"] or "").strip()
    if stated["allowed"] and not allowed and not said:
        raise ConfigError(
            f"{KEY}.allowed is true but {KEY}.basis is empty; say who allowed it, when and for what, for it goes into "
            "every report."
        )
    overridden = stated["allowed"] is not None and (stated["allowed"] != allowed or bool(said))
    return Redistribution(
        cohort=name,
        allowed=allowed if stated["allowed"] is None else stated["allowed"],
        stated=overridden,
        basis=(said or f"`{KEY}.allowed` is false") if overridden else basis,
        licence=stated["licence"] or licence,
        attribution=stated["attribution"] or attribution,
    )
