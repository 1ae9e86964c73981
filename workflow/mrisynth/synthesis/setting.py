"""The setting of standards: thresholds of held-out people, brightness of the domain that is made."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.filtering.calibration import calibrate
from mrisynth.filtering.checks import BrightnessRange
from mrisynth.filtering.decision import Rule, Thresholds, passing_share
from mrisynth.filtering.scorers import Scorer, StructureScores
from mrisynth.filtering.segmenter import Segmenter
from mrisynth.imaging.brightness_matching import BrightnessCurve
from mrisynth.seeds import derive_seed
from mrisynth.store import to_unit
from mrisynth.synthesis.annotated import ShownImages
from mrisynth.synthesis.plan import SynthesisPlan
from mrisynth.synthesis.standards import Standards

_LOG = logging.getLogger(__name__)
_MOST = 400  # real images of the wanted domain whose brightness is measured
_AT_ONCE = 16


def set_standards(
    shown: ShownImages, plan: SynthesisPlan, scorer: Scorer, segmenter: Segmenter, *, told: pd.DataFrame, seed: int
) -> Standards:
    """Return what candidates are held against.

    Thresholds are calibrated on annotated images of the validation split, of whom neither scorer nor generator has
    learnt, or published. Where a domain is asked for these images are given its brightness first
    (:class:`~mrisynth.imaging.brightness_matching.BrightnessCurve`), since a scorer finds less in a contrast that it
    has not learnt from, however true an image is. The brightness of a structure is that of training images of the
    domain that is made, inside what the segmenter finds in them, since that domain may have no masks, or none that may
    be seen.

    Args:
        shown: images and masks.
        plan: of the synthesis.
        scorer: of the plan.
        segmenter: of the study.
        told: table of the condition of the plan's model.
        seed: the study's seed.

    Raises:
        MrisynthError: thresholds cannot be calibrated, because too little is annotated of the validation split.
    """
    held_out = shown.annotated("validation")
    domain = shown.of_domain(shown.rows("train"), plan.condition, told)
    order = sorted(domain, key=lambda row: derive_seed(seed, "brightness", str(shown.table["image"].iloc[row])))
    wanted = np.asarray(shown.images[np.sort(np.array(order[:_MOST], dtype=int))])
    images = np.asarray(shown.images[held_out])
    matched = bool(plan.condition) and len(held_out) > 0 < len(wanted)
    if matched:
        images = BrightnessCurve.between(images, wanted).apply(images)
    scores = _scores(images, np.asarray(shown.masks[held_out]), scorer)
    facts: dict[str, Any] = {"thresholds": plan.thresholds, "scorer": scorer.name, "held_out_images": len(held_out)}
    facts["brightness_matched"] = matched
    if plan.thresholds == "calibrated":
        people = shown.table["participant_id"].iloc[held_out].tolist()
        if not people:
            raise MrisynthError(
                f"synthesis.{plan.name}.thresholds is calibrated, but no image of the validation split has a mask that "
                "may be seen; choose published, or a larger cohort.validation_fraction."
            )
        found = calibrate(
            scores.iou, scores.confidence, structures=shown.structures, participants=people, percentile=plan.percentile
        )
        thresholds = found.thresholds
        facts |= {"percentile": found.percentile, "images": list(found.images), "participants": found.participants}
    else:
        thresholds = Thresholds.published(len(shown.structures))
    rule = Rule(
        thresholds=thresholds, structures=shown.structures, kept=plan.kept, best=plan.best, lowered_by=plan.lowered_by
    )  # fmt: skip
    facts["real_passing"] = passing_share(scores.iou, scores.confidence, rule=rule)
    return Standards(rule=rule, brightness=_brightness(wanted, shown.structures, segmenter), facts=facts)


def _scores(images: np.ndarray, masks: np.ndarray, scorer: Scorer) -> StructureScores:
    parts = [
        scorer.score(to_unit(images[start : start + _AT_ONCE]), masks[start : start + _AT_ONCE])
        for start in range(0, len(images), _AT_ONCE)
    ]
    if not parts:
        return StructureScores(*np.empty((2, 0, len(scorer.structures))))
    return StructureScores(
        np.concatenate([one.iou for one in parts]), np.concatenate([one.confidence for one in parts])
    )


def _brightness(images: np.ndarray, structures: tuple[str, ...], segmenter: Segmenter) -> BrightnessRange:
    ranges = BrightnessRange.of_real(to_unit(images), segmenter.segment(images), structures)
    if unknown := [name for name, low in zip(ranges.structures, ranges.low, strict=True) if np.isnan(low)]:
        _LOG.warning("too few real images show %s: its brightness is not checked", ", ".join(unknown))
    return ranges
