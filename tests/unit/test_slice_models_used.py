"""Models of slices in use: one chunk is trained, exported, drawn from at the command line, and asked for classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.blobs import slice_recipe

from mrisynth.classification_study import score_predictions
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, read_table, sha256_of, write_json
from mrisynth.metrics.calibration import Calibration
from mrisynth.sample import main
from mrisynth.sampling import Sampler
from mrisynth.slice_classifier import SliceClassifier, classify_real_slices
from mrisynth.slices.packing import INDEX, INDEX_COLUMNS
from mrisynth.slices.predictions import read_predictions
from mrisynth.training.chunk import ChunkFiles, train_chunk
from mrisynth.validation import keep_best

CLASSES = ["control", "atrophy"]
NARROW = {"width": 8, "latent": 4, "class_width": 4, "select_from": 0.0}
PEOPLE, TEST = 16, range(10, 16)


def _slices(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright upper halves for class 0, bright lower halves for class 1, with noise."""
    labels = np.arange(count) % 2
    images = np.random.default_rng(0).integers(0, 60, (count, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 4] += 120
    return images, labels


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    """Packed slices of 16 people, two of them for validation and six for the test, and the table of their condition."""
    folder = tmp_path_factory.mktemp("packed")
    images, labels = _slices(PEOPLE)
    np.save(folder / "8.npy", images)
    scans = [f"scan-{number:02d}" for number in range(PEOPLE)]
    rows = pd.DataFrame({"row": range(PEOPLE), "image": [f"{scan}_axial-004" for scan in scans], "scan": scans})
    rows["participant_id"] = [f"person-{number:02d}" for number in range(PEOPLE)]
    rows["split"] = ["train"] * 8 + ["validation"] * 2 + ["test"] * len(TEST)
    rows = rows.assign(status="passed").reindex(columns=INDEX_COLUMNS)
    rows.to_csv(folder / INDEX, sep="\t", index=False, na_rep="n/a")
    words = [CLASSES[label] for label in labels]
    told = pd.DataFrame(
        {"scan": scans[::-1], "diagnosis": words[::-1], "label": labels[::-1], "label_name": words[::-1]}
    )
    told.to_csv(folder / "diagnosis.tsv", sep="\t", index=False)
    content = {
        "name": "diagnosis",
        "columns": {"diagnosis": CLASSES},
        "classes": CLASSES,
        "column_order": ["diagnosis"],
    }
    write_json(content, folder / "diagnosis.json")
    return folder


@pytest.fixture(scope="module")
def trained(packed) -> Path:
    """The folder of a pacgan of 8 x 8 pixels, trained in two chunks, whose levels were chosen by validation images."""
    images, labels = _slices(PEOPLE)
    recipe = slice_recipe("pacgan", images_total=1280, images_per_chunk=640, settings=NARROW)
    previous = None
    for chunk in range(2):
        files = ChunkFiles(
            previous=previous, state=packed / f"state-{chunk}.pt", curve=packed / f"curve-{chunk}.tsv",
            candidate=packed / f"candidate-{chunk}", watch=packed / f"watch-{chunk}",
        )  # fmt: skip
        train_chunk(
            recipe, images=images, rows=np.arange(8), labels=labels[:8], columns={"diagnosis": CLASSES},
            classes=CLASSES, files=files, chunk=chunk, seed=1, device="cpu", threads=1,
            validation=(np.array([8, 9]), labels[8:10]),
            facts={"label_counts": [4, 4], "affine": np.eye(4).tolist(), "field_mm": 224.0},
        )  # fmt: skip
        previous = files.state
    return packed / "candidate-1"


def test_a_finished_model_says_what_was_chosen_of_each_level(trained):
    chosen = read_json(trained / "recipe.json")["levels"]
    assert [level["stage"] for level in chosen] == ["4", "8"]
    assert all(0 < level["updates"] <= 160 and level["images"] == 4 * level["updates"] for level in chosen)


def test_samples_do_not_depend_on_those_drawn_with_them(trained):
    sampler = Sampler.load(trained)
    many, one = sampler.draw(6, seed=5), sampler.draw(1, seed=5, first=3)
    assert many.volumes.shape == (6, 8, 8)
    assert np.array_equal(many.volumes[3], one.volumes[0])
    assert many.volumes.std() > 0.05


def test_the_command_writes_pictures_the_stack_and_its_labels_so_many_of_each_class(trained, tmp_path):
    assert main([str(trained), "--output", str(tmp_path / "out"), "--per-class", "2", "3", "--seed", "7"]) == 0
    table = read_table(tmp_path / "out" / "samples.tsv")
    labels = pd.read_csv(tmp_path / "out" / "labels_syn.csv")
    stack = nib.load(tmp_path / "out" / "Generated8x8.nii.gz")
    assert table["label_name"].tolist() == ["control"] * 2 + ["atrophy"] * 3
    assert labels.to_dict("list") == {"ID": [0, 1, 2, 3, 4], "Label": [0, 0, 1, 1, 1]}
    assert stack.shape == (8, 8, 1, 5)
    picture = np.asarray(Image.open(tmp_path / "out" / "sample-000004.png"))
    upright = stack.get_fdata()[:, ::-1, 0, 4].T  # W goes along the columns, H from the bottom up
    assert np.array_equal(np.rint((upright + 1) * 127.5).astype(np.uint8), picture)
    again = tmp_path / "again"
    assert main([str(trained), "--output", str(again), "--condition", "atrophy", "--first", "3", "--seed", "7"]) == 0
    assert (again / "sample-000003.png").read_bytes() == (tmp_path / "out" / "sample-000003.png").read_bytes()


def test_smaller_slices_are_averages_of_the_large_ones(trained, tmp_path):
    words = [str(trained), "--count", "2", "--seed", "1"]
    assert main([*words, "--output", str(tmp_path / "large")]) == main(
        [*words, "--output", str(tmp_path / "small"), "--size", "4"]
    )
    large, small = (np.asarray(Image.open(tmp_path / name / "sample-000000.png")) for name in ("large", "small"))
    mean = large.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    assert np.abs(small - mean).max() <= 1.0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--size", "3"], "--size 3: model draws 8 pixels a side; expected a divisor"),
        (["--per-class", "1", "2", "3"], "--per-class has 3 numbers and the model 2 classes (control, atrophy)"),
        (["--per-class", "1", "2", "--condition", "atrophy"], "no --condition"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_in_a_sentence(trained, tmp_path, capsys, words, sentence):
    assert main([str(trained), "--output", str(tmp_path / "out"), *words]) == 1
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1


def test_the_critic_classifies_each_slice_by_itself(trained):
    images, _ = _slices(PEOPLE)
    classifier = SliceClassifier.load(trained)
    together = classifier.probabilities(images)
    alone = np.concatenate([classifier.probabilities(image[None]) for image in images])
    assert np.allclose(together, alone, atol=1e-6)
    assert np.allclose(together.sum(axis=1), 1)
    with pytest.raises(MrisynthError, match=r"shape \(1, 4, 4\).*trained on \(1, 8, 8\)"):
        classifier.probabilities(images[:, :4, :4])


def test_predictions_join_labels_by_scan_and_scores_are_of_the_test_slices(trained, packed, tmp_path):
    table = tmp_path / "predictions.csv"
    classify_real_slices(
        SliceClassifier.load(trained), slices=packed, condition=packed / "diagnosis.tsv", predictions=table
    )
    recipe = trained / "recipe.json"
    moved = tmp_path / "calibration.json"
    scores, confusion = score_predictions(table, recipe=recipe, picture=tmp_path / "roc.png", calibration=moved, seed=1)
    predictions = read_predictions(table)
    assert predictions.table["label"].tolist() == [CLASSES[number % 2] for number in range(PEOPLE)]
    found = scores.set_index("metric")
    assert found.loc["classifier_auc", "value"] == 1.0, "halves that are bright can be told apart"
    assert found.loc["classifier_accuracy", "n"] == found.loc["classifier_calibrated_accuracy", "n"] == len(TEST)
    assert found.loc["classifier_calibrated_balanced_accuracy", "value"] == 1.0
    assert Calibration(**read_json(moved)).applied(predictions.probabilities).shape == (PEOPLE, 2)
    assert confusion.drop(columns="label").to_numpy().sum() == len(TEST)
    assert set(found["reference"]) == {"test"}


@pytest.mark.parametrize(
    ("retrain_of", "kept", "reason"),
    [("model", "validation", "trained on the validation scans too"), (None, "train", "a class has no validation scan")],
)
def test_no_calibration_is_a_row_with_a_reason(trained, packed, tmp_path, retrain_of, kept, reason):
    table, moved, facts = (
        tmp_path / "predictions.csv",
        tmp_path / "calibration.json",
        read_json(trained / "recipe.json"),
    )
    classify_real_slices(
        SliceClassifier.load(trained), slices=packed, condition=packed / "diagnosis.tsv", predictions=table
    )
    table.write_text(table.read_text().replace(",validation,", f",{kept},"))
    write_json(facts | {"model": facts["model"] | {"retrain_of": retrain_of}}, tmp_path / "recipe.json")
    scores, _ = score_predictions(
        table, recipe=tmp_path / "recipe.json", picture=tmp_path / "roc.png", calibration=moved, seed=1
    )
    rows = scores[scores["metric"].str.startswith("classifier_calibrated_")]
    assert len(rows) == 4 and rows["value"].isna().all() and rows["warning"].str.contains(reason).all()
    assert reason in read_json(moved)["reason"]


def test_the_critic_travels_with_the_chosen_chunk_and_must_be_its_own(trained, packed, tmp_path):
    table = tmp_path / "validation-1.tsv"
    row = {"model": "model", "chunk": 1, "images_seen": 1280, "features": "none", "features_trained": True}
    row |= {"n_real": 0, "n_synthetic": 0, "kid": None, "fid": None, "warning": ""}
    pd.DataFrame([row]).to_csv(table, sep="\t", index=False, na_rep="n/a")
    keep_best([trained], [table], folder=tmp_path / "kept", table=tmp_path / "validation.tsv")
    kept = tmp_path / "kept" / "critic.safetensors"
    assert read_json(tmp_path / "kept" / "recipe.json")["critic_sha256"] == sha256_of(kept)
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    with pytest.raises(MrisynthError, match=r"not the file that recipe\.json names"):
        SliceClassifier.load(tmp_path / "kept")


def test_a_retrained_model_takes_the_lengths_that_were_found(packed, trained, tmp_path):
    images, labels = _slices(PEOPLE)
    recipe = replace(
        slice_recipe("pacgan", images_total=1280, images_per_chunk=1280, settings=NARROW), retrain_of="model"
    )
    lengths = {level["stage"]: level["updates"] for level in read_json(trained / "recipe.json")["levels"]}
    state = train_chunk(
        recipe, images=images, rows=np.arange(10), labels=labels[:10], columns={"diagnosis": CLASSES}, classes=CLASSES,
        files=ChunkFiles(state=tmp_path / "state.pt", curve=tmp_path / "curve.tsv"), chunk=0, seed=1, device="cpu",
        threads=1, lengths=lengths,
    )  # fmt: skip
    assert state.step == sum(lengths.values())
    assert state.chosen == []
