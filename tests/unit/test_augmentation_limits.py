"""What no augmentation may change, by the covariates and the planes of a study."""

from __future__ import annotations

import pytest

from mrisynth.augmentation_limits import augmentation_limits
from mrisynth.recipes import ModelRecipe


def _limits(*covariates: str, plane: str = "axial", family: str = "mssg", kind: str = "covariates") -> dict[str, bool]:
    condition = {"kind": kind, "sources": {"one": {"covariates": list(covariates)}}}
    config = {"slices": {"positions": [{"plane": plane}]}, "conditions": {"volumes": condition}}
    return augmentation_limits({"condition": "volumes", "family": family, "dimensions": None}, config)


@pytest.mark.parametrize("name", ["hippocampus_left_ml", "Right_amygdala", "lh_area", "volume_r"])
def test_a_covariate_of_one_side_forbids_to_mirror(name):
    assert _limits("age", name) == {"augmentation_flip": False, "augmentation_scale": False}
    assert _limits("age", name, family="hagan") == {"augmentation_flip": False, "augmentation_scale": False}


def test_covariates_of_no_side_may_be_mirrored_but_not_scaled():
    assert _limits("age", "ventricles_ml", "cleft", "brightness") == {"augmentation_scale": False}


def test_slices_of_a_family_of_either_kind_are_slices():
    condition = {"kind": "categorical"}
    config = {"slices": {"positions": [{"plane": "sagittal"}]}, "conditions": {"sex": condition}}
    entry = {"condition": "sex", "family": "latent_diffusion", "dimensions": 2}
    assert augmentation_limits(entry, config) == {"augmentation_flip": False}
    assert augmentation_limits(entry | {"dimensions": 3}, config) == {}


def test_a_sagittal_slice_is_not_mirrored_and_other_conditions_forbid_nothing():
    assert _limits("age", plane="sagittal") == {"augmentation_flip": False, "augmentation_scale": False}
    assert _limits("left", kind="categorical") == {}


def test_the_range_of_a_recipe_follows():
    recipe = ModelRecipe(
        name="model", family="mssg", condition="volumes", size=16, images_total=8, images_per_chunk=8, batch_size=4,
        augmentation_flip=False, augmentation_scale=False,
    )  # fmt: skip
    assert (recipe.augmentation_range.flip, recipe.augmentation_range.scale) == (False, 0.0)
    assert recipe.augmentation_range.shift > 0
