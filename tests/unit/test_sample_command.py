"""The command line of sampling: files, table, and that the label beside a sample is the one that made it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from mrisynth.conditions import build_condition, read_condition, write_condition
from mrisynth.files import read_json, read_table, sha256_of, write_json
from mrisynth.recipes import ModelRecipe
from mrisynth.sample import main
from mrisynth.sampling import Sampler, write_shard
from mrisynth.sampling_export import read_samples, write_nifti
from mrisynth.store import from_unit
from mrisynth.training.export import export_untrained

RECIPE = ModelRecipe(
    name="model", family="hagan", condition="demographics", size=32, images_total=4, images_per_chunk=4,
    batch_size=2, family_recipe={"width": 8, "latent": 8, "condition_input": "embedding_per_column"},
)  # fmt: skip
AFFINE = [[7.0, 0, 0, -108.5], [0, 7.0, 0, -120.0], [0, 0, 7.0, -90.0], [0, 0, 0, 1.0]]
SEXES = ["f", "m", "f", "m", "f", "m", None, "f"]
TERCILES = ["low", "high", "middle", "low", "high", "middle", "low", None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A model told sex (m before f) and then age (low, middle, high): neither order is that of the alphabet."""
    root = tmp_path_factory.mktemp("command")
    scans = pd.DataFrame({"scan": [f"sub-{n}" for n in range(8)], "sex": SEXES, "age_tercile": TERCILES})
    write_condition(
        build_condition("demographics", scans, kind="categorical", columns=["sex", "age_tercile"]), root / "c.tsv"
    )
    told = read_condition(root / "c.tsv")
    export_untrained(
        RECIPE, classes=told.classes, columns=told.columns, label_counts=told.counts(scans["scan"]), affine=AFFINE,
        field_mm=224.0, folder=root / "model", seed=3, extra={"training_scans": 8},
    )  # fmt: skip
    _strengthen(root / "model")
    return root / "model"


def _strengthen(folder: Path) -> None:
    """Give untrained weights an output in which every label shows, also in 256 steps."""
    weights = load_file(folder / "generator.safetensors")
    for name in weights:
        if name.startswith("high.last") and name.endswith("weight"):
            weights[name] = weights[name] * 8
    save_file(weights, folder / "generator.safetensors")
    facts = read_json(folder / "recipe.json") | {"weights_sha256": sha256_of(folder / "generator.safetensors")}
    write_json(facts, folder / "recipe.json")


def _what_was_told(sampler: Sampler, volume: np.ndarray, *, seed: int) -> dict[str, str]:
    """Return what the generator must have been told to make this volume, found by telling it everything."""
    random = torch.Generator().manual_seed(seed)
    latents = torch.randn(1, 8, generator=random)
    words = [["n/a", "m", "f"], ["n/a", "low", "middle", "high"]]
    fitting = []
    for sex in range(3):
        for age in range(4):
            with torch.inference_mode():  # past all labels: straight from the tables of the two columns
                start = sampler.network.condition
                vector = start.tables[0].weight[sex] + start.tables[1].weight[age]
                start.forward = lambda labels, vector=vector: (vector[None], labels.new_empty(1, 0))
                made, _ = sampler.network(latents, torch.zeros(1, dtype=torch.int64))
                del start.forward
            if np.abs(from_unit(made[0, 0].numpy()).astype(int) - volume).max() <= 1:  # 1: rounded once or twice
                fitting.append({"sex": words[0][sex], "age_tercile": words[1][age]})
    assert len(fitting) == 1, f"{len(fitting)} things told make this volume"
    return fitting[0]


@pytest.fixture(scope="module")
def sampler(folder) -> Sampler:
    return Sampler.load(folder)


def _scaled(path: Path) -> np.ndarray:
    return np.rint(nib.load(path).get_fdata() * 255).astype(np.uint8)


def _check_rows(sampler: Sampler, table: pd.DataFrame, volumes: list[np.ndarray]) -> set[str]:
    for row, volume in zip(table.astype("object").fillna("n/a").to_dict("records"), volumes, strict=True):
        told = _what_was_told(sampler, volume, seed=row["seed"])
        assert {name: row[name] for name in told} == told
        assert row["label_name"] == " ".join(told.values())
    return set(table["label_name"])


def test_the_label_of_a_shard_and_of_its_export_is_the_one_that_made_each_sample(sampler, folder, tmp_path):
    shards = []
    for shard in range(2):
        names = {"volumes_path": f"{shard}.npy", "low_path": f"{shard}.low.npy", "table_path": f"{shard}.tsv"}
        paths = {key: tmp_path / name for key, name in names.items()}
        write_shard(sampler, first=4 * shard, count=4, seed=None, **paths)
        shards.append(paths)
    tables, recipe = [paths["table_path"] for paths in shards], folder / "recipe.json"
    write_nifti([paths["volumes_path"] for paths in shards], tables, recipe=recipe, folder=tmp_path / "nifti", count=7)
    table = read_samples(tables, recipe=recipe)
    assert table.columns.tolist() == ["sample", "seed", "label", "label_name", "sex", "age_tercile", "shard"]
    packed = [volume for paths in shards for volume in np.load(paths["volumes_path"])]
    assert len(_check_rows(sampler, table, packed)) > 2
    files = [tmp_path / "nifti" / f"sample-{number:06d}_T1w.nii.gz" for number in table["sample"]]
    assert sorted((tmp_path / "nifti").iterdir()) == files[:7]
    assert all(np.array_equal(_scaled(file), volume) for file, volume in zip(files[:7], packed, strict=False))


def test_a_sample_has_the_same_bits_whatever_is_drawn_beside_it(sampler):
    whole = sampler.draw(7)
    for first, count in ((0, 1), (3, 1), (5, 2), (2, 4)):
        part, beside = sampler.draw(count, first=first), slice(first, first + count)
        assert np.array_equal(part.volumes, whole.volumes[beside])
        assert np.array_equal(part.low_resolution, whole.low_resolution[beside])
        assert (part.labels.tolist(), part.seeds) == (whole.labels[beside].tolist(), whole.seeds[beside])
    wished = sampler.draw(7, condition=whole.label_names[6])
    same = whole.labels == whole.labels[6]
    assert 0 < same.sum() < 7
    assert np.array_equal(wished.volumes[same], whole.volumes[same])
    latents = torch.randn(1, 8, generator=torch.Generator().manual_seed(whole.seeds[6]))
    alone, _ = sampler.generate(latents, [int(whole.labels[6])])
    np.testing.assert_allclose(alone[0].numpy(), whole.volumes[6], atol=2e-4)


@pytest.mark.parametrize("condition", [{"sex": "f", "age_tercile": "low"}, "f low", 3])
def test_the_label_of_a_draw_is_the_one_that_made_it(sampler, condition):
    drawn = sampler.draw(1, condition=condition)
    told = _what_was_told(sampler, from_unit(drawn.volumes[0]), seed=drawn.seeds[0])
    assert told == {"sex": "f", "age_tercile": "low"}
    assert (drawn.labels.tolist(), drawn.label_names) == ([3], ["f low"])


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["sex=f", "age_tercile=high"], {"f high"}),
        (["age_tercile=high", "sex=f"], {"f high"}),
        (["f high"], {"f high"}),
        (["f", "high"], {"f high"}),
        (["age_tercile=low"], {"f low", "m low"}),
        (["sex=f", "age_tercile=n/a"], {"f n/a"}),
        ([], None),
    ],
)
def test_the_command_draws_what_it_was_asked_for(sampler, folder, tmp_path, words, names):
    wish = ["--condition", *words] if words else []
    assert main([str(folder), "--count", "3", "--output", str(tmp_path / "new" / "out"), "--seed", "5", *wish]) == 0
    table = read_table(tmp_path / "new" / "out" / "samples.tsv")
    assert table.columns.tolist() == ["sample", "seed", "label", "label_name", "sex", "age_tercile"]
    files = [tmp_path / "new" / "out" / f"sample-{number:06d}_T1w.nii.gz" for number in range(3)]
    found = _check_rows(sampler, table, [_scaled(file) for file in files])
    assert names is None or found <= names
    image = nib.load(files[0])
    assert image.get_data_dtype() == np.float32
    assert np.array_equal(image.affine, np.array(AFFINE))
    assert 0 <= image.get_fdata().min() < image.get_fdata().max() <= 1


def test_a_sample_of_the_command_is_the_sample_of_the_library(sampler, folder, tmp_path):
    assert main([str(folder), "--count", "2", "--first", "3", "--output", str(tmp_path), "--seed", "5"]) == 0
    drawn = sampler.draw(2, first=3, seed=5)
    table = read_table(tmp_path / "samples.tsv")
    assert table["sample"].tolist() == [3, 4]
    assert table["seed"].tolist() == drawn.seeds
    found = nib.load(tmp_path / "sample-000004_T1w.nii.gz").get_fdata()
    np.testing.assert_allclose(found, (drawn.volumes[1] + 1) / 2, atol=1e-6)


def test_the_list_names_columns_values_and_classes(folder, tmp_path, capsys):
    assert main([str(folder), "--list"]) == 0
    said = capsys.readouterr().out
    assert "sex: m, f" in said and "age_tercile: low, middle, high" in said and "f high: 1" in said
    export_untrained(
        replace(RECIPE, condition="none"), classes=[], columns={}, label_counts=[], affine=AFFINE, field_mm=224.0,
        folder=tmp_path, seed=1,
    )  # fmt: skip
    assert main([str(tmp_path), "--list"]) == 0
    assert "unconditional" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--condition", "sex=x"], "column sex has no value 'x'; it has m, f"),
        (["--condition", "site=HH"], "its columns: sex, age_tercile"),
        (["--condition", "f", "old"], "no class 'f old'; its classes: 0 m low"),
        (["--condition", "sex=f", "high"], "expected COLUMN=VALUE"),
        (["--condition", "sex=f", "sex=m"], "each once"),
        (["--count", "0"], "Found count 0"),
        (["--count", "many"], "invalid int value: 'many'; see --help"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(folder, tmp_path, capsys, words, sentence):
    assert main([str(folder), "--output", str(tmp_path / "out"), *words]) == 1
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and said.err.startswith("mrisynth: ")
    assert said.out == ""
    assert not (tmp_path / "out").exists()


def test_a_folder_with_a_table_a_missing_output_and_a_missing_gpu_are_refused(folder, tmp_path, capsys, monkeypatch):
    (tmp_path / "samples.tsv").write_text("kept")
    assert main([str(folder), "--output", str(tmp_path)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "samples.tsv").read_text() == "kept"
    assert main([str(folder)]) == 1
    assert "--output is missing" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main([str(folder), "--output", str(tmp_path / "file" / "below")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([str(folder), "--output", str(tmp_path / "out"), "--device", "cuda"]) == 1
    assert "no GPU" in capsys.readouterr().err


def test_an_error_of_the_module_has_no_traceback(repository, tmp_path):
    command = [sys.executable, "-m", "mrisynth.sample", str(tmp_path / "none"), "--count", "1", "--output", "x"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository / "workflow")
    assert done.returncode == 1
    assert done.stdout == ""
    assert (
        done.stderr.strip()
        == f"mrisynth: {tmp_path}/none/recipe.json is missing; a model folder holds recipe.json and generator.safetensors."
    )


@pytest.mark.fault(27)
def test_the_terms_of_a_model_travel_with_what_is_drawn_from_it(folder, tmp_path):
    model = shutil.copytree(folder, tmp_path / "model")
    assert main([str(model), "--output", str(tmp_path / "without")]) == 0
    assert not (tmp_path / "without" / "TERMS.md").exists()
    (model / "TERMS.md").write_text("CC BY-SA 3.0")
    assert main([str(model), "--output", str(tmp_path / "with")]) == 0
    assert (tmp_path / "with" / "TERMS.md").read_text() == "CC BY-SA 3.0"
