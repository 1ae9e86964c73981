"""Restricted: cohorts that come under an agreement, ADNI and UK Biobank; cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrisynth.cohorts.adni_listing import list_adni
from mrisynth.cohorts.selection import Selection
from mrisynth.cohorts.ukbiobank_listing import list_ukbiobank
from mrisynth.errors import ConfigError

RESTRICTED = frozenset(("adni", "ukbiobank"))
"""Cohorts whose scans, and all that is derived of them person by person, may not be passed on. Trained models and
drawn samples count as derived: whether they are is not settled by the texts of the agreements."""

AGREEMENT_KEY = "cohort.adni.accept_data_use_agreement"
_AGREEMENT = (
    "The ADNI data use agreement allows no redistribution of data of participants, raw or derived, so scans, tables, "
    "models and samples of this study have to stay with the persons that the agreement names. "
    "Read the agreement (and its appendix on AI tools) at the archive that you had the data from; then set the key to "
    "true."
)


def select_scans(cohort: Mapping[str, Any]) -> Selection:
    """Return the scans of an ``adni`` or ``ukbiobank`` cohort and what became of every image.

    Args:
        cohort: the block ``cohort`` of the configuration, defaults filled in.

    Raises:
        ConfigError: the folder is missing or holds nothing that can be taken, or the agreement is not accepted.
    """
    name = cohort["name"]
    if name == "adni" and not cohort["adni"]["accept_data_use_agreement"]:
        raise ConfigError(f"{AGREEMENT_KEY} is false. {_AGREEMENT}")
    if cohort["folder"] is None:
        raise ConfigError(f"the key cohort.folder is missing; a cohort of kind {name} needs the folder of its images.")
    if name == "ukbiobank":
        return list_ukbiobank(Path(cohort["folder"]))
    return list_adni(
        Path(cohort["folder"]),
        table=Path(cohort["demographics"]) if cohort["demographics"] else None,
        descriptions=cohort["adni"]["descriptions"],
        repeats=cohort["adni"]["repeats"],
    )
