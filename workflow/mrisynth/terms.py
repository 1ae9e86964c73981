"""Terms: the page of text that lies beside models and samples and says who may have them, and whom to name."""

from __future__ import annotations

from pathlib import Path

from mrisynth import __version__
from mrisynth.files import atomic
from mrisynth.redistribution import Redistribution

TERMS = "TERMS.md"

_OF_MODELS = (
    "Samples are synthetic: no person was scanned for them. They are not fit for diagnosis.",
    "A model can still remember persons it was trained on: read the scores of memorisation first.",
)
_OF_SCANS = (
    "These images are parts of the scans of the cohort and no samples; what stands beside them is of its participants.",
)


def write_terms(path: Path, terms: Redistribution, *, title: str, slices: bool = False) -> None:
    """Write what may be done with the models and the samples of a study, or with slices of its scans.

    Args:
        path: the file, Markdown.
        terms: what :func:`mrisynth.redistribution.decide` found.
        title: of the study.
        slices: the file lies beside slices of scans.
    """
    lines = [f"# Terms of the {'slices of scans' if slices else 'models and samples'} of {title}", "", terms.words, ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| may be passed on | {'yes' if terms.allowed else 'NO'} |", f"| on whose word | {terms.basis} |"]
    lines += [f"| licence | {terms.licence or 'nobody stated one'} |"]
    lines += [f"| to be named | {terms.attribution or 'nobody was stated'} |", ""]
    lines += [*(_OF_SCANS if slices else _OF_MODELS), ""]
    lines += [f"Written by mrisynth {__version__}. Keep this file with every copy."]
    with atomic(path) as unfinished:
        unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
