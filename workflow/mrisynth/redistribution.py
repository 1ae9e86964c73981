"""Redistribution: whether results of a study may be given to others, on whose word, under which licence. Cheap."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mrisynth.cohorts.several import SEVERAL, errors_of, sources_of
from mrisynth.errors import ConfigError, MrisynthError

KEY = "cohort.redistribution"

_SAID = "the user states: "
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
        cohort: kind of cohort, as in ``cohort.name``; of ``several`` the other attributes name every member that they
            are of.
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
        by = f"{_SAID}{self.basis}" if self.stated and self.cohort != SEVERAL else self.basis
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
            key = "cohort.members.NAME.redistribution" if self.cohort == SEVERAL else KEY
            raise MrisynthError(
                f"{what} is refused: {self.basis}. If you have the right all the same, state it in the configuration, "
                f"`{key}: {{allowed: true, basis: WHO ALLOWED IT, WHEN AND FOR WHAT}}`; both go into every report."
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


_OF_ONES_OWN = ("bids", "images", "exchange", "labelled")


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


def decide_all(cohort: Mapping[str, Any], *, own_scans: Collection[str] = ()) -> Redistribution:
    """Return what may be done with the results of a study of one cohort or of several: what all of them allow.

    Args:
        cohort: the block ``cohort`` of the configuration, defaults filled in.
        own_scans: the members, or ``""`` for the only cohort, that are of kind ``ixi`` with a folder of other scans.

    Raises:
        ConfigError: the user states a right but not on whose word.
    """
    found: dict[str, Redistribution] = {}
    for member, own in sources_of(cohort).items():
        with errors_of(member):
            found[member] = decide(own, own_scans=member in own_scans)
    if cohort["name"] != SEVERAL:
        return found[""]
    refused = cohort["redistribution"]["allowed"] is False
    allowed = not refused and all(terms.allowed for terms in found.values())
    counted = {member: terms for member, terms in found.items() if terms.allowed == allowed}
    basis = {member: f"{_SAID if terms.stated else ''}{terms.basis}" for member, terms in counted.items()}
    said = (cohort["redistribution"]["basis"] or "").strip() or f"`{KEY}.allowed` is false"
    return Redistribution(
        cohort=SEVERAL,
        allowed=allowed,
        stated=refused or any(terms.stated for terms in found.values()),
        basis=said if refused else _each(basis, otherwise=""),
        licence=_of_each({name: terms.licence for name, terms in found.items()}, otherwise="none stated"),
        attribution=_of_each({name: terms.attribution for name, terms in found.items()}, otherwise="nobody was stated"),
    )


def _of_each(words: Mapping[str, str | None], *, otherwise: str) -> str | None:
    """Return what is said of each member in one line; what all share once, None where none says anything."""
    said = set(words.values())
    return said.pop() if len(said) == 1 else _each(words, otherwise=otherwise)


def _each(words: Mapping[str, str | None], *, otherwise: str) -> str:
    """Return what is said of each member, of those of whom the same is said together."""
    members: dict[str, list[str]] = {}
    for member, text in words.items():
        members.setdefault((text or otherwise).rstrip("."), []).append(member)
    return "; ".join(f"{' and '.join(names)}: {text}" for text, names in members.items())
