"""Models of one class alone: what they are trained on, what they draw, and what they are compared with."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from support.blobs import slice_recipe

from mrisynth.conditions import build_condition, read_condition, write_condition
from mrisynth.datasets import EmptySplitError, load_training_set
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, read_table, write_table
from mrisynth.metrics.class_scores import named_by_class, score_classes
from mrisynth.metrics.slice_similarity import SliceGroup, score_slice_similarity
from mrisynth.metrics.slice_similarity import named_by_class as similarity_by_class
from mrisynth.metrics.study_scores import score_model
from mrisynth.one_class import OTHER_CLASS, OneClass, splits_of_class
from mrisynth.recipes import ModelRecipe, told
from mrisynth.sample import describe, main
from mrisynth.sampling import Sampler, write_shard
from mrisynth.sampling_export import read_samples
from mrisynth.slice_study import SliceSets
from mrisynth.slices.packing import INDEX, INDEX_COLUMNS
from mrisynth.training_job import TrainingJob

PEOPLE = 14
GROUPS = ["control", "atrophy"]
SPLITS = ["train"] * 8 + ["validation"] * 2 + ["test"] * 4
SMALL = {"width": 8, "latent": 4, "embedding": 4, "style": 4, "mapping_layers": 2}


def _packed(folder: Path, people: range) -> None:
    """Write one slice of each of these people, brighter with their number, and who is of which split and class."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 40, (PEOPLE, 8, 8))
    np.save(folder / "8.npy", (noise + 15 * np.arange(PEOPLE)[:, None, None]).astype(np.uint8)[list(people)])
    names = [f"scan-{number:02d}" for number in people]
    scans = pd.DataFrame({"scan": names, "participant_id": [f"person-{number:02d}" for number in people]})
    scans["split"] = [SPLITS[number] for number in people]
    scans["diagnosis"] = [GROUPS[number % 2] for number in people]
    write_table(scans, folder / "scans.tsv")
    index = scans.assign(row=range(len(names)), image=[f"{name}_axial-004" for name in names], status="passed")
    write_table(index.reindex(columns=INDEX_COLUMNS), folder / INDEX)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Slices of 14 people at 8 pixels, every second with atrophy (class 0, by the order of words), and the condition."""
    folder = tmp_path_factory.mktemp("study") / "slices"
    _packed(folder, range(PEOPLE))
    scans = read_table(folder / "scans.tsv")
    write_condition(
        build_condition("group", scans, kind="categorical", columns=["diagnosis"]), folder / "condition.tsv"
    )
    return folder


def _job(folder: Path, where: Path, recipe: ModelRecipe) -> TrainingJob:
    return TrainingJob(
        recipe=asdict(recipe), pyramid=str(folder), scans=str(folder / "scans.tsv"),
        condition=str(folder / "condition.tsv"), previous=None, start=None, state=str(where / "state-0.pt"),
        curve=str(where / "curve-0.tsv"), candidate=str(where / "candidate-0"), watch=str(where / "watch-0"), chunk=0,
        seed=1, field_mm=224.0, threads=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(study, tmp_path_factory) -> Path:
    """The folder of a StyleGAN of those with atrophy."""
    where = tmp_path_factory.mktemp("model")
    recipe = slice_recipe("stylegan", condition="group", only="atrophy", images_total=16, settings=SMALL)
    _job(study, where, replace(recipe, images_per_chunk=16)).run()
    return where / "candidate-0"


def test_only_images_of_the_class_are_taken_and_networks_are_told_nothing(study, tmp_path):
    def load(*, scans=study / "scans.tsv", **wanted):
        return load_training_set(study, size=8, scans=scans, condition=study / "condition.tsv", dimensions=2, **wanted)

    taken = load(only="atrophy")
    assert taken.rows.tolist() == [1, 3, 5, 7] and taken.labels.tolist() == [0, 0, 0, 0]
    assert taken.condition.classes == [] and taken.condition.columns == {} and taken.label_counts == []
    assert (taken.only.name, taken.only.label) == ("atrophy", 0)
    assert load(only="control", splits=("train", "validation")).rows.tolist() == [0, 2, 4, 6, 8]
    whole = load()
    assert whole.rows.tolist() == list(range(8)) and whole.labels.tolist() == [1, 0] * 4 and whole.only is None
    with pytest.raises(MrisynthError, match=r"only is f, and condition group has the classes atrophy, control"):
        load(only="f")
    table = read_table(study / "scans.tsv")
    write_table(table.assign(split=table["split"].mask(table["diagnosis"] == "control", "train")), tmp_path / "1.tsv")
    with pytest.raises(EmptySplitError, match=r"No image of class control .* split test.*atrophy 2, control 0 images"):
        load(only="control", scans=tmp_path / "1.tsv", splits=("test",))


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("stylegan", SMALL),
        ("pacgan", {"width": 8, "latent": 4, "class_width": 4}),
        ("r3gan", {"width": 8, "latent": 4}),
    ],
)
def test_a_model_of_one_class_is_the_model_of_a_study_of_that_class_alone(study, tmp_path, family, settings):
    """The same weights, to the bit, as of an unconditional model of slices that are packed without the other class."""
    alone = tmp_path / "alone"
    _packed(alone, range(1, PEOPLE, 2))
    scans = read_table(alone / "scans.tsv")
    write_condition(build_condition("none", scans, kind="none"), alone / "condition.tsv")
    whole = slice_recipe(family, condition="none", images_total=16, images_per_chunk=16, settings=settings)
    _job(alone, tmp_path / "without", whole).run()
    _job(study, tmp_path / "only", replace(whole, condition="group", only="atrophy")).run()
    folders = [tmp_path / name / "candidate-0" for name in ("only", "without")]
    one, other = (load_file(folder / "generator.safetensors") for folder in folders)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not any((folder / "critic.safetensors").exists() for folder in folders), "it names no class"


def test_its_samples_carry_the_class_and_nobody_asks_for_it(model, tmp_path, capsys):
    facts, sampler = read_json(model / "recipe.json"), Sampler.load(model)
    assert facts["classes"] == facts["columns"] == [] and facts["extra"]["training_scans"] == 4
    assert facts["extra"]["only"]["class"] == "atrophy" and facts["model"]["only"] == "atrophy"
    drawn = sampler.draw(3, seed=4)
    assert drawn.labels.tolist() == [0, 0, 0] and drawn.label_names == ["atrophy"] * 3

    files = {"volumes_path": tmp_path / "0.npy", "low_path": tmp_path / "0.low.npy", "table_path": tmp_path / "0.tsv"}
    write_shard(sampler, first=0, count=2, seed=4, **files)
    table = read_samples([tmp_path / "0.tsv"], recipe=model / "recipe.json")
    assert table[["label", "label_name", "diagnosis"]].to_numpy().tolist() == [[0, "atrophy", "atrophy"]] * 2

    assert main([str(model), "--output", str(tmp_path / "out"), "--count", "2"]) == 0
    assert pd.read_csv(tmp_path / "out" / "labels_syn.csv")["Label"].tolist() == [0, 0]
    assert describe(sampler).endswith("; of class atrophy of condition group alone\n")
    assert main([str(model), "--output", str(tmp_path / "more"), "--condition", "control"]) == 1
    assert "is of class atrophy of condition group alone; ask for no class" in capsys.readouterr().err


def test_a_class_of_fewer_images_than_a_batch_is_refused_in_a_sentence(study, tmp_path):
    recipe = slice_recipe("stylegan", condition="group", only="atrophy", batch_size=8, settings=SMALL)
    with pytest.raises(MrisynthError, match=r"class atrophy of condition group alone, which has 4 training images; ex"):
        _job(study, tmp_path, recipe).run()


def test_images_of_other_and_of_unknown_classes_are_in_no_split(study):
    condition = read_condition(study / "condition.tsv")
    unknown = condition.table.assign(label=condition.table["label"].mask(condition.table["scan"] == "scan-13", -1))
    index = read_table(study / INDEX)
    found = splits_of_class(index, replace(condition, table=unknown), "atrophy")["split"].tolist()
    assert found == [split if number % 2 and number < 13 else OTHER_CLASS for number, split in enumerate(SPLITS)]
    assert OneClass.read({"extra": {"only": OneClass.of(condition, "control").told()}}).label == 1


def test_its_scores_are_those_that_a_conditional_model_has_of_the_class():
    """If both drew the same samples of it: same value, floor and interval, under one name, so that they compare."""
    random = np.random.default_rng(1)
    meta = {"features": "planted", "weights_sha256": "none", "trained": True, "view": 8}
    names, labels = [f"scan{number}" for number in range(80)], np.arange(80) % 2
    real = Embeddings(random.normal(size=(80, 3)).astype(np.float32), names, meta)
    asked = (np.arange(40) % 4 == 0).astype(int)
    drawn = Embeddings(random.normal(0.5, 1, (40, 3)).astype(np.float32), [f"s{number}" for number in range(40)], meta)
    found = {("planted", name): part for name, part in (("real", real), ("m", drawn), ("m.untrained", drawn))}
    scans = pd.DataFrame({"scan": names, "participant_id": names, "split": ["train"] * 56 + ["test"] * 24})
    settings = {"model": "m", "seed": 3, "draws": 4, "replicates": 20, "k": 3}
    told = {"condition": "sex", "classes": ["m", "f"], "labels": dict(zip(names, labels, strict=True)), "asked": asked}

    table = pd.DataFrame({"scan": names, "sex": np.where(labels, "f", "m"), "split": scans["split"]})
    condition = build_condition("sex", table, kind="categorical", columns=["sex"])
    mine = found | {("planted", name): drawn.taken(np.flatnonzero(asked).tolist()) for name in ("m", "m.untrained")}
    for name in ("fid", "kid", "precision_recall"):
        expected = score_classes(f"{name}_by_class", found, scans=scans, **told, **settings)
        alone = score_model(name, mine, scans=splits_of_class(scans, condition, "f"), **settings)
        alone = named_by_class(alone, condition="sex", label="f")
        rows = expected.table[expected.table["metric"].str.endswith(":f")].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.table, rows)
        assert np.isfinite(alone.table["value"]).all() and alone.table["metric"].str.contains("_by_class_sex:f").all()
        assert alone.replicates.keys() == {key for key in expected.replicates if key[-1].endswith(":f")}


def test_similarity_of_slices_is_that_of_the_class(study, tmp_path):
    images = np.random.default_rng(2).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "0.npy", images)
    write_table(pd.DataFrame({"sample": range(5), "label": [1] * 5}), tmp_path / "samples.tsv")
    sets = SliceSets.read(
        study, size=8, condition=read_condition(study / "condition.tsv"), shards=[tmp_path / "0.npy"],
        samples=tmp_path / "samples.tsv", only="control",
    )  # fmt: skip
    packed = np.load(study / "8.npy")
    tested, settings = sets.of("test"), {"model": "m", "seed": 1, "replicates": 5}
    assert sets.classes == ["control"] and np.array_equal(tested.images, packed[[10, 12]])
    assert tested.labels.tolist() == [0, 0] and sets.fake.labels.tolist() == [0] * 5
    found = similarity_by_class(score_slice_similarity(tested, sets.fake, classes=sets.classes, **settings), "control")
    people = {"real": ["person-10", "person-12"], "fake": [str(number) for number in range(5)]}
    real, fake = (
        SliceGroup(images=part, labels=np.zeros(len(part), dtype=np.int64), participants=people[name])
        for name, part in (("real", packed[[10, 12]]), ("fake", images))
    )
    alone = score_slice_similarity(real, fake, classes=["control"], **settings).scored.table
    assert found.scored.table["metric"].tolist() == [f"{name}_control" for name in alone["metric"]]
    np.testing.assert_array_equal(found.scored.table["value"], alone["value"])
    assert set(found.summary["label"]) == {"control"}
    assert all(key[-1].endswith("_control") for key in found.scored.replicates)


def test_a_model_of_all_classes_is_told_as_it_always_was():
    """Triggers and checksums are computed of it: no model that is trained already is trained again."""
    recipe = slice_recipe("stylegan", settings=SMALL)
    assert "only" not in told(recipe) and told(replace(recipe, only="atrophy"))["only"] == "atrophy"
    assert not recipe.is_unconditional and replace(recipe, only="atrophy").is_unconditional
    assert replace(recipe, condition="none").is_unconditional
