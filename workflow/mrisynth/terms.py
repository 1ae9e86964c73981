"""Terms: the page of text that lies beside models and samples and says who may have them, and whom to name."""

from __future__ import annotations

from pathlib import Path

from mrisynth import __version__
from mrisynth.files import atomic
from mrisynth.redistribution import Redistribution

TERMS = "TERMS.md"


def write_terms(path: Path, terms: Redistribution, *, title: str) -> None:
    """Write what may be done with the models and the samples of a study.

    Args:
        path: the file, Markdown.
        terms: what :func:`mrisynth.redistribution.decide` found.
        title: of the study.
    """
    lines = [f"# Terms of the models and samples of {title}", "", terms.words, ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| may be passed on | {'yes' if terms.allowed else 'NO'} |", f"| on whose word | {terms.basis} |"]
    lines += [f"| licence | {terms.licence or 'nobody stated one'} |"]
    lines += [f"| to be named | {terms.attribution or 'nobody was stated'} |", ""]
    lines += ["Samples are synthetic: no person was scanned for them. They are not fit for diagnosis."]
    lines += ["A model can still remember persons it was trained on: read the scores of memorisation first.", ""]
    lines += [f"Written by mrisynth {__version__}. Keep this file with every copy."]
    with atomic(path) as unfinished:
        unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
