"""The scorer that a plan names."""

from __future__ import annotations

from pathlib import Path

from mrisynth.filtering.scorers import Scorer
from mrisynth.filtering.segmenter import Segmenter
from mrisynth.synthesis.plan import SynthesisPlan


def scorer_of(plan: SynthesisPlan, segmenter: Segmenter, *, seed: int, device: str) -> Scorer:
    """Return the scorer of a plan.

    Args:
        plan: of the synthesis.
        segmenter: of the study's annotated training images; the scorer itself where the plan names it.
        seed: the study's seed.
        device: ``cpu`` or ``cuda``.

    Raises:
        MrisynthError: the folder of SAM 2 does not hold it.
    """
    if plan.scorer == "atropos":
        from mrisynth.filtering.atropos import AtroposScorer

        return AtroposScorer(structures=segmenter.structures, tissues=plan.tissues, seed=seed)
    if plan.scorer == "sam2":
        from mrisynth.filtering.sam2 import Sam2Scorer

        return Sam2Scorer.load(Path(str(plan.sam2_folder)), segmenter.structures, device=device)
    return segmenter
