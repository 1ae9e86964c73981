"""``python -m mrisynth.provenance``: write the tables of CITATIONS.md anew."""

from __future__ import annotations

from mrisynth.provenance.citations_page import rewrite
from mrisynth.provenance.code import WORKFLOW

if __name__ == "__main__":
    rewrite(WORKFLOW.parent)
