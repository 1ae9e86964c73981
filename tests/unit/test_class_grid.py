"""The command that draws real slices and those of each model class by class."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mrisynth import class_grid
from mrisynth.class_grid import draw_class_grid, main
from mrisynth.files import write_json
from mrisynth.slices.packing import INDEX, INDEX_COLUMNS

SIZE = 8


def images_of(values: list[int]) -> np.ndarray:
    """Images of one grey value each."""
    return np.array(values, dtype=np.uint8)[:, None, None].repeat(SIZE, axis=1).repeat(SIZE, axis=2)


@pytest.fixture
def study(tmp_path) -> Path:
    """Six people with two slices each, the last four in the test split, and a model that drew six samples."""
    slices, samples, model = tmp_path / "slices", tmp_path / "samples" / "gan", tmp_path / "models" / "gan"
    for folder in (slices, samples / "shards", model, tmp_path / "conditions"):
        folder.mkdir(parents=True)
    people = [number // 2 for number in range(12)]
    np.save(slices / f"{SIZE}.npy", images_of([10 * number for number in range(12)]))
    index = pd.DataFrame({"row": range(12), "image": [f"image-{number}" for number in range(12)]})
    index = index.assign(
        scan=[f"scan-{person}" for person in people],
        participant_id=[f"person-{person}" for person in people],
        split=["train" if person < 2 else "test" for person in people],
        status="passed",
    )
    index.reindex(columns=INDEX_COLUMNS).to_csv(slices / INDEX, sep="\t", index=False, na_rep="n/a")
    words = ["f", "m"] * 3
    told = pd.DataFrame({"scan": [f"scan-{person}" for person in range(6)], "sex": words, "label": [0, 1] * 3})
    told.assign(label_name=words).to_csv(tmp_path / "conditions" / "sex.tsv", sep="\t", index=False)
    facts = {"name": "sex", "columns": {"sex": ["f", "m"]}, "classes": ["f", "m"], "column_order": ["sex"]}
    write_json(facts, tmp_path / "conditions" / "sex.json")
    recipe = {"model": {"dimensions": 2, "size": SIZE, "condition": "sex"}, "classes": ["f", "m"]}
    write_json(recipe, model / "recipe.json")
    drawn = pd.DataFrame({"sample": range(6), "label_name": ["m", "m", "f"] * 2, "shard": ["000"] * 3 + ["001"] * 3})
    drawn.to_csv(samples / "samples.tsv", sep="\t", index=False)
    for shard in range(2):
        np.save(samples / "shards" / f"{shard:03d}.npy", images_of([200 + 3 * shard + place for place in range(3)]))
    return tmp_path


def test_each_class_has_its_own_slices_of_test_people_in_turn_and_its_own_samples(study, monkeypatch):
    seen = {}
    monkeypatch.setattr(class_grid, "class_gallery", lambda rows, path, **words: seen.update(rows=rows, **words))
    draw_class_grid(study, "sex", study / "grid.png", each=2)
    greys = {
        name: {label: [int(image[0, 0]) for image in images] for label, images in by_class.items()}
        for name, by_class in seen["rows"].items()
    }
    assert seen["classes"] == ["f", "m"]
    assert greys["gan"] == {"m": [200, 201], "f": [202, 205]}
    assert greys["real test slices"] == {"f": [40, 80], "m": [70, 110]}, "one of each person, first and second slices"


def test_the_command_writes_a_picture(study):
    assert main([str(study), "sex", str(study / "grid.png"), "--each", "2"]) == 0
    picture = np.asarray(Image.open(study / "grid.png").convert("L"))
    assert min(picture.shape) > 100
    assert {40, 110, 200, 205} <= set(np.unique(picture).tolist()), "the greys of the slices are those of the picture"


def test_a_picture_to_pass_on_holds_no_real_slice(study, monkeypatch):
    seen = {}
    monkeypatch.setattr(class_grid, "class_gallery", lambda rows, path, **words: seen.update(rows))
    assert main([str(study), "sex", str(study / "grid.png"), "--samples-only"]) == 0
    assert list(seen) == ["gan"]


def test_a_condition_that_no_model_is_told_is_a_sentence(study, capsys):
    assert main([str(study), "age", str(study / "grid.png")]) == 1
    said = capsys.readouterr().err
    assert "no model of slices that is told the condition age; found gan" in said and said.count("\n") == 1
    assert not (study / "grid.png").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sex", "grid.xyz"], "expected a name that ends in .png, .svg, .pdf"),
        (["sex", "grid.png", "--each", "0"], "0 slices of a class"),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence(study, capsys, words, sentence):
    assert main([str(study), words[0], str(study / words[1]), *words[2:]]) == 1
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
    assert not (study / words[1]).exists()


def test_samples_that_are_not_drawn_yet_are_asked_for(study, capsys):
    (study / "samples" / "gan" / "samples.tsv").unlink()
    assert main([str(study), "sex", str(study / "grid.png")]) == 1
    assert "samples.tsv is not there; let the study draw its samples first" in capsys.readouterr().err
