"""What is refused of masks before any work."""

from __future__ import annotations

import pytest

from mrisynth.errors import ConfigError
from mrisynth.mask_checks import check_masks


def _config(*, family="mrgen", cohort="simulated", regions="label_maps", numbering="auto", **masks):
    return {
        "models": {"mine": {"family": family}},
        "cohort": {"name": cohort},
        "covariates": {"regions": {"from": regions, "numbering": numbering}},
        "masks": {"classes": {"ventricles": ["ventricles"]}, "unannotated": {}, "from": "label_maps"} | masks,
    }


@pytest.mark.parametrize("classes", [{"any": ["grey_matter", 7]}, {"fluid": ["csf"]}, {}])
def test_what_fits_passes(classes):
    check_masks(_config(classes=classes, family="mrgen" if classes else "mssg"), source="mine.yaml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": {}}, "models.mine is of family mrgen, which masks steer"),
        ({"classes": {}, "unannotated": {"site": ["a"]}}, "masks.unannotated is given, but masks.classes names no"),
        ({"cohort": "labelled"}, "images have no label maps"),
        ({"regions": "tissue"}, "covariates.regions.from is tissue"),
        ({"numbering": "dlmuse", "classes": {"stem": ["stem"]}}, "masks.classes.stem names 'stem'; known are"),
        ({"classes": {"one": ["ventricles"], "two": ["ventricles"]}}, "masks.classes.two has no label"),
        ({"numbering": "custom"}, "known are no names"),
    ],
)
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        check_masks(_config(**changes), source="mine.yaml")
