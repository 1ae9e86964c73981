"""Presets: the published settings written out, and how they and a user's own keys come together."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from mrisynth.configuration import complete, load_schema
from mrisynth.errors import ConfigError
from mrisynth.models import FAMILIES, SLICE_FAMILIES, VOLUME_FAMILIES, family, pacgan_settings, stylegan_settings
from mrisynth.recipes import ModelRecipe

SCHEMA = load_schema(Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml")
MODEL_KEYS = SCHEMA["properties"]["models"]["additionalProperties"]["properties"]
RECIPES, PRESETS = SCHEMA["$defs"]["recipes"], SCHEMA["$defs"]["presets"]

AUTHORS = {  # HA-GAN: networks, train step and Adam of the authors' code
    "width": 64,
    "latent": 1024,
    "high_width": None,
    "high_layers": 0,
    "groups": 8,
    "upsampling": "nearest",
    "slabs": "published",
    "positions": "unaligned",
    "low_resolution": "strided",
    "data_range": "signed",
    "condition_input": "one_hot",
    "critic_tail": "position",
    "spectral_norm": "all",
    "loss": "logistic",
    "branches": "averaged",
    "penalty": "none",
    "consistency_weight": 0.0,
    "diversity_weight": 0.0,
    "classify_fakes": False,
    "condition_weight": 1.0,
    "condition_weight_generator": 0.1,
    "critic_loss_scale": 1.0,
    "critic_steps": 1,
    "generator_steps": 1,
    "new_latents": True,
    "learning_rate_generator": 1e-4,
    "learning_rate_critic": 4e-4,
    "learning_rate_encoder": 1e-4,
    "betas": [0.0, 0.999],
    "encoders": "detached",
    "reconstruction_weight": 1.0,
    "latent_weight": 0.0,
    "trained_part": "all",
}
IXI = AUTHORS | {
    "groups": 1,
    "upsampling": "trilinear",
    "positions": "shared_not_last",
    "data_range": "unit",
    "condition_input": "channel",
    "critic_tail": "deep",
    "spectral_norm": "all_but_last",
    "branches": "separate",
    "high_weight": 4.0,
    "classify_fakes": True,
    "condition_weight_generator": 1.0,
    "critic_loss_scale": 0.5,
    "new_latents": False,
    "learning_rate_encoder": 4e-4,
    "encoders": "none",
}
IXI_WGP = IXI | {
    "loss": "wasserstein",
    "penalty": "slope_one",
    "penalty_weight": 10.0,
    "penalty_every": 1,
    "classify_fakes": False,
    "condition_weight": 10.0,
    "condition_weight_generator": 10.0,
    "critic_loss_scale": 1.0,
    "generator_steps": 5,
}
PUBLISHED = {
    ("hagan", "as_published"): (AUTHORS, 4),
    ("hagan", "as_published_ixi"): (IXI, 2),
    ("wgp_hagan", "as_published"): (IXI_WGP, 2),
}


def _model(family_name: str, **keys) -> dict:
    """The completed entry of a model."""
    config = {"cohort": {"name": "simulated"}, "models": {"mine": {"family": family_name, **keys}}}
    config |= {"features": {"random": {"network": "random"}}, "evaluation": {"features": ["random"]}}
    return complete(config | {"clustering": {"features": "random"}}, SCHEMA, source="mine.yaml")["models"]["mine"]


@pytest.mark.parametrize("preset", PUBLISHED, ids="-".join)
def test_published_settings_are_those_of_the_published_code(preset):
    name, wanted = preset
    model, (settings, batch_size) = _model(name, preset=wanted), PUBLISHED[preset]
    assert {key: model["recipe"][key] for key in settings} == settings
    unnamed = set(model["recipe"]) - set(settings)
    assert unnamed <= {"high_weight", "penalty_weight", "penalty_scale", "penalty_every"}  # without effect there
    training = {"batch_size": batch_size, "precision": "fp32", "ema_half_life_images": 0, "augmentation": "none"}
    training |= {"balance_classes": False}
    assert {key: model[key] for key in training} == training


@pytest.mark.parametrize("preset", PUBLISHED, ids="-".join)
def test_published_settings_go_together(preset):
    name, wanted = preset
    model = _model(name, preset=wanted)
    keys = {field.name for field in fields(ModelRecipe)} & set(model)
    recipe = ModelRecipe(
        name="mine", family_recipe=model["recipe"], **{key: model[key] for key in keys - {"recipe", "dimensions"}}
    )
    assert asdict(family(name).settings(recipe)) == model["recipe"]


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in PRESETS for preset in PRESETS[name]])
def test_every_key_of_a_preset_is_a_known_key(name, preset):
    found = PRESETS[name][preset]
    assert set(found) <= set(MODEL_KEYS)
    assert set(found.get("recipe", {})) <= set(RECIPES[name]["properties"])
    assert preset in MODEL_KEYS["preset"]["enum"]


def test_every_family_has_a_default_preset_without_a_key():
    assert set(PRESETS) == set(FAMILIES)
    assert all(PRESETS[name]["default"] == {} for name in VOLUME_FAMILIES)


@pytest.mark.parametrize("name", SLICE_FAMILIES)
def test_presets_of_slices_say_size_and_batch_and_leave_the_settings_alone(name):
    assert {"size", "batch_size"} <= set(PRESETS[name]["default"])
    assert "recipe" not in PRESETS[name]["default"]


@pytest.mark.parametrize(("name", "published"), [("pacgan", pacgan_settings), ("stylegan", stylegan_settings)])
def test_published_settings_of_slices_are_those_of_the_family(name, published):
    preset = PRESETS[name]["as_published"]
    assert preset["recipe"] == published.AS_PUBLISHED
    model = _model(name, preset="as_published")
    assert (model["ema_half_life_images"], model["augmentation"], model["precision"]) == (0, "none", "fp32")
    keys = {field.name for field in fields(ModelRecipe)} & set(model)
    recipe = ModelRecipe(
        name="mine",
        dimensions=2,
        family_recipe=model["recipe"],
        **{key: model[key] for key in keys - {"recipe", "dimensions"}},
    )
    settings = asdict(family(name).settings(recipe))
    assert {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()} == model[
        "recipe"
    ]


@pytest.mark.parametrize("name", FAMILIES)
def test_defaults_of_the_schema_are_those_of_the_settings(name):
    expected = {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(family(name).defaults).items()
    }
    expected.pop("classes", None)  # of masks, which the study counts
    assert {key: entry["default"] for key, entry in RECIPES[name]["properties"].items()} == expected
    assert _model(name)["recipe"] == _model(name, preset="default")["recipe"] == expected


def test_a_users_key_beats_the_preset():
    mine = {"batch_size": 8, "recipe": {"groups": 4, "width": 16}}
    model = _model("hagan", preset="as_published_ixi", **mine)
    assert (model["batch_size"], model["recipe"]["groups"], model["recipe"]["width"]) == (8, 4, 16)
    assert (model["precision"], model["recipe"]["upsampling"]) == ("fp32", "trilinear")


def test_presets_of_one_model_leave_the_next_alone():
    _model("hagan", preset="as_published_ixi", recipe={"groups": 4})
    assert _model("hagan", preset="as_published_ixi")["recipe"]["groups"] == 1
    assert _model("hagan")["recipe"]["groups"] == 8


@pytest.mark.parametrize(
    ("name", "preset", "sentence"),
    [
        (
            "wgp_hagan",
            "as_published_ixi",
            r"models\.mine\.preset is 'as_published_ixi'; family wgp_hagan has default, as_",
        ),
        (
            "hagan",
            "as_printed",
            r"models\.mine\.preset is 'as_printed'; family hagan has default, as_published, as_pub",
        ),
        ("hagan", None, r"models\.mine\.preset is None"),
        ("hagan", ["default"], r"models\.mine\.preset is \['default'\]"),
        (["hagan"], "default", r"models\.mine\.family is \['hagan'\]; expected one of hagan, wgp_hagan"),
        ("vae", "default", r"models\.mine\.family is 'vae'; expected one of hagan, wgp_hagan"),
    ],
)
def test_a_preset_that_there_is_not_is_named_in_one_sentence(name, preset, sentence):
    with pytest.raises(ConfigError, match=f"mine.yaml: {sentence}") as caught:
        _model(name, preset=preset)
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_no_block_of_keys_is_named():
    with pytest.raises(ConfigError, match=r"models\.mine\.recipe is 'wide' \(text\); expected a block of keys"):
        _model("hagan", preset="as_published", recipe="wide")
