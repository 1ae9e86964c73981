"""Figures of a report that other jobs have drawn: of models of slices, distances between halves, segmentations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mrisynth.reporting.page import Figure
from mrisynth.reporting.segmentation_section import SECTION as SEGMENTATION

_SECTION = "Slices"
_SECTIONS = {
    "self_distance": "Scores",
    "reconstruction": "Scores",
    "segmentation": SEGMENTATION,
}  # of models of volumes, too
_FIGURES = {  # folder of the picture: title, caption
    "matching": (
        "Matched cases and controls",
        "Slices are of the matched alone, who were paired within each split. Left their ages before and after, right "
        "the differences between the groups in standard deviations before matching; within the band they are commonly "
        "called balanced.",
    ),
    "classification": (
        "What the critic of {} says of real test slices",
        "Left the ROC curve, right the confusion matrix with numbers of slices. The critic has not seen these people.",
    ),
    "slice_similarity": (
        "How alike slices and samples of {} are",
        "Structural similarity of random pairs of one class. Samples that repeat themselves are more alike than real "
        "slices are.",
    ),
    "slice_areas": (
        "The area of the structure in slices and samples of {}",
        "Tissue where label maps have the structure, by class; all slices are measured in one region, the mean over "
        "the positions. The difference of the classes (d, in standard deviations) should be that of real slices.",
    ),
    "control": (
        "What {} was asked for, and what was measured in its samples",
        "Each dot is a sample that was told what is true of a real test slice; a regressor trained on real slices "
        "measured it. The ceiling is what the regressor reaches on real slices.",
    ),
    "control_area": (
        "What {} was asked for, and the area of the structures in its samples",
        "The same without a network: the area of each structure in pixels, where label maps have it, turned into a "
        "volume by one straight line through real training slices.",
    ),
    "control_grid": (
        "Samples of {} over two covariates",
        "At one latent, from the 2 % to the 98 % quantile of both covariates; the others stand at their means.",
    ),
    "control_extremes": (
        "Samples of {} with each covariate at both its ends",
        "At the same latents; red is where the highest value is brighter than the lowest, blue where it is darker.",
    ),
    "control_strata": (
        "The strata prediction score of {}",
        "What the regressor says of samples against what it says of real slices of the same label, within thirds of "
        "the covariates.",
    ),
    "self_distance": (
        "How far two halves of the samples of {} are apart",
        "Fréchet and kernel distance of random halves of one number: means and 5th to 95th percentile over the "
        "halvings. Samples that repeat themselves are nearer to one another than two halves of the real scans are; of "
        "the kernel distance, whose mean is 0 for halves of any set, the bar is then shorter.",
    ),
    "reconstruction": (
        "What the autoencoder of {} gives back",
        "Test images from the worst to the best by PSNR, each as it went in, as it came out, and four times the "
        "difference around grey. Samples cannot be sharper.",
    ),
    "segmentation": (
        "What segmentation networks find that were trained on different images",
        "Dice of each structure in the same real test scans, of which no network has seen a person. A ceiling was "
        "trained with masks that no one would have. Look at the differences of arms, not at overlapping intervals: "
        "segmentation/differences.tsv compares every two on the same people.",
    ),
    "separability": (
        "The classes in real slices and in samples of {}",
        "Maps of both sets together; axes have no unit. The numbers are those of a linear probe.",
    ),
}


def slice_figures(pictures: Sequence[Path]) -> list[Figure]:
    """Return the figures of models of slices, by metric, those of all models of distances between halves, and of arms.

    Args:
        pictures: ``{metric}/{model}.png``, and ``matching/balance.png`` where participants were matched.
    """
    found = []
    for metric, (title, caption) in _FIGURES.items():
        for path in pictures:
            if path.parent.name == metric:
                section = _SECTIONS.get(metric, _SECTION)
                found.append(Figure(title.format(path.stem), caption, path, section))
    return found
