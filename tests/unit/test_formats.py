"""Files of other releases: read, or refused in one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mrisynth.embeddings import Embeddings, load_embeddings, save_embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, write_json
from mrisynth.formats import check_format
from mrisynth.recipes import ModelRecipe
from mrisynth.sampling import Sampler
from mrisynth.training.export import RECIPE, export_untrained
from mrisynth.training.state import read_state

pytestmark = pytest.mark.fault(31)
MODEL = ModelRecipe(
    name="model", family="hagan", condition="none", size=32, images_total=4, images_per_chunk=4, batch_size=2,
    family_recipe={"width": 8, "latent": 8},
)  # fmt: skip
FIRST_KEYS = (  # of a recipe when models were first written
    "name", "family", "condition", "size", "images_total", "images_per_chunk", "batch_size", "precision",
    "ema_half_life_images", "allow_cpu", "family_recipe",
)  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    export_untrained(
        MODEL,
        classes=[],
        columns={},
        label_counts=[],
        affine=np.eye(4).tolist(),
        field_mm=224.0,
        folder=tmp_path,
        seed=1,
    )
    return tmp_path


def test_a_model_without_a_format_and_with_the_first_keys_alone_draws_the_same(model: Path) -> None:
    today = Sampler.load(model).draw(1, seed=3).volumes
    facts = read_json(model / RECIPE)
    facts["model"] = {key: facts["model"][key] for key in FIRST_KEYS}
    del facts["format"]
    write_json(facts, model / RECIPE)
    assert np.array_equal(Sampler.load(model).draw(1, seed=3).volumes, today)


def test_a_model_of_a_later_release_asks_for_an_update(model: Path) -> None:
    write_json(read_json(model / RECIPE) | {"format": 9, "mrisynth_version": "3.1.0"}, model / RECIPE)
    with pytest.raises(
        MrisynthError,
        match=r"recipe\.json: not a model of this .*format 9 by mrisynth 3\.1\.0.*; update mrisynth to read",
    ):
        Sampler.load(model)


def test_a_recipe_with_a_key_of_another_release_is_one_sentence(model: Path) -> None:
    facts = read_json(model / RECIPE)
    write_json(facts | {"model": facts["model"] | {"hyperspace": 3}}, model / RECIPE)
    with pytest.raises(
        MrisynthError, match=r"recipe\.json is no recipe of this version .*hyperspace.*; export it again"
    ):
        Sampler.load(model)


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ({"format": 1, "networks": {}}, r"found format 1, expected 2\); delete it and train again, or finish this"),
        ({"format": 99, "networks": {}}, r"found format 99, expected 2\); update mrisynth to read it"),
        ({"networks": {}}, r"found format None, expected 2\); delete it and train again"),
        ([1, 2], r"found format None, expected 2\); delete it"),
    ],
)
def test_a_state_of_another_release_is_one_sentence(content: object, remedy: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "state-0.pt")
    with pytest.raises(
        MrisynthError, match=r"state-0\.pt: not a training state of this version of mrisynth \(" + remedy
    ):
        read_state(tmp_path / "state-0.pt")


def test_embeddings_without_checksums_of_volumes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "real.npz"
    save_embeddings(Embeddings(np.ones((2, 3), np.float32), ["a", "b"], {"features": "random"}, ["x", "y"]), path)
    with np.load(path) as stored:
        first = {name: stored[name] for name in ("features", "ids", "meta")}
    np.savez(path, **first)
    assert load_embeddings(path).ids == ["a", "b"] and load_embeddings(path).image_sha256 == []


@pytest.mark.parametrize(
    ("found", "words"), [(1, "read it with 0.1"), (3, "update mrisynth"), ("x", "read it with 0.1")]
)
def test_other_formats_are_told_apart(found: object, words: str) -> None:
    check_format(2, known=2, path=Path("a"), what="thing", remedy="read it with 0.1")
    with pytest.raises(MrisynthError, match=words):
        check_format(found, known=2, path=Path("a"), what="thing", remedy="read it with 0.1")
