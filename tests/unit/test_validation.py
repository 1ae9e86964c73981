"""Validation: a score of scans that nothing else uses, and the chunk that it keeps."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from mrisynth.embedding import FeatureSpec, load_network
from mrisynth.embedding.embed import embed
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, read_table, sha256_of, write_json, write_table
from mrisynth.metrics.frechet import frechet_distance
from mrisynth.metrics.kernel import kernel_distance
from mrisynth.recipes import ModelRecipe
from mrisynth.sampling import Sampler, write_shard
from mrisynth.seeds import derive_seed
from mrisynth.training.export import export_untrained
from mrisynth.validation import best_row, keep_best, validate_candidate

RECIPE = ModelRecipe(
    name="model", family="hagan", condition="none", size=32, images_total=4, images_per_chunk=4,
    batch_size=2, ema_half_life_images=4, family_recipe={"width": 8, "latent": 8},
)  # fmt: skip
AFFINE = [[7.0, 0, 0, -108.5], [0, 7.0, 0, -120.0], [0, 0, 7.0, -90.0], [0, 0, 0, 1.0]]
FACTS = {"affine": AFFINE, "field_mm": 224.0, "classes": [], "columns": {}, "label_counts": []}
SEED, SAMPLES = 7, 6


def candidate(folder: Path, *, seed: int = 1, images_seen: int = 0) -> Path:
    """A model folder as a chunk of training leaves it; the seed makes its weights."""
    export_untrained(RECIPE, folder=folder, seed=seed, **FACTS)
    write_json(read_json(folder / "recipe.json") | {"images_seen": images_seen}, folder / "recipe.json")
    return folder


@pytest.fixture(scope="module")
def sampler(tmp_path_factory) -> Sampler:
    return Sampler.load(candidate(tmp_path_factory.mktemp("candidate"), images_seen=40))


@pytest.fixture(scope="module")
def network():
    return load_network(FeatureSpec(name="random", network="random", width=32))


@pytest.fixture(scope="module")
def real(network) -> Embeddings:
    images = np.random.default_rng(0).integers(0, 200, (12, 32, 32, 32), dtype=np.uint8)
    features = embed(images, network, what="real")
    return Embeddings(features, [f"scan{row}" for row in range(12)], network.description() | {"view": 32})


@pytest.fixture
def splits() -> dict[str, str]:
    return {f"scan{row}": "validation" if row < 4 else "test" if row < 8 else "train" for row in range(12)}


def validated(sampler, network, real, splits, **changes) -> pd.DataFrame:
    keys = {"chunk": 3, "samples": SAMPLES, "seed": SEED} | changes
    return validate_candidate(sampler, network=network, real=real, splits=splits, **keys)


def test_the_row_holds_the_distances_of_validation_scans_to_samples_of_their_own_seed(sampler, network, real, splits):
    (row,) = validated(sampler, network, real, splits).to_dict("records")
    volumes = np.clip(
        np.rint((sampler.draw(SAMPLES, seed=derive_seed(SEED, "validation")).volumes + 1) * 127.5), 0, 255
    )
    synthetic = embed(volumes.astype(np.uint8), network, what="again")
    mean, deviation = real.features[8:].mean(axis=0), real.features[8:].std(axis=0)
    standard = [(features - mean) / deviation for features in (real.features[:4], synthetic)]
    assert row.pop("kid") == pytest.approx(kernel_distance(*standard), rel=1e-3)
    assert row.pop("fid") == pytest.approx(frechet_distance(real.features[:4], synthetic), rel=1e-4)
    assert "fid of 4 scans and 32 features" in row["warning"] and "untrained" in row.pop("warning")
    assert row == {
        "model": "model", "chunk": 3, "images_seen": 40, "features": "random", "features_trained": False,
        "n_real": 4, "n_synthetic": SAMPLES,
    }  # fmt: skip


def test_of_a_model_that_masks_steer_no_sample_without_a_mask_decides(sampler, network, real, splits, monkeypatch):
    monkeypatch.setattr(sampler, "recipe", replace(sampler.recipe, family="mrgen"))
    (row,) = validated(sampler, network, real, splits).to_dict("records")
    assert np.isnan([row["kid"], row["fid"]]).all() and row["n_synthetic"] == 0
    assert "the last chunk is kept" in row["warning"]


def test_samples_of_a_chunk_are_embedded_once(sampler, network, real, splits, tmp_path):
    first = validated(sampler, network, real, splits, cache=tmp_path)
    (pack,) = tmp_path.glob("**/*.npz")
    written = pack.stat().st_mtime_ns
    pd.testing.assert_frame_equal(validated(sampler, network, real, splits, cache=tmp_path), first)
    assert [path.stat().st_mtime_ns for path in tmp_path.glob("**/*.npz")] == [written]


def test_test_scans_are_never_looked_at_and_training_scans_only_for_means_and_deviations(
    sampler, network, real, splits
):
    plain = validated(sampler, network, real, splits)
    poisoned = real.features.copy()
    poisoned[4:8] = np.nan
    poisoned[8:] = poisoned[8:][::-1]
    others_changed = Embeddings(poisoned, real.ids, real.meta)
    pd.testing.assert_frame_equal(validated(sampler, network, others_changed, splits), plain)
    poisoned = real.features.copy()
    poisoned[0] += 1.0
    changed = validated(sampler, network, Embeddings(poisoned, real.ids, real.meta), splits)
    assert changed["kid"][0] != plain["kid"][0]


def test_samples_are_the_same_for_every_chunk_and_none_of_those_that_are_scored(
    sampler, network, real, splits, tmp_path
):
    first, second = (validated(sampler, network, real, splits, chunk=chunk) for chunk in (0, 5))
    pd.testing.assert_frame_equal(first.drop(columns="chunk"), second.drop(columns="chunk"), check_exact=True)
    assert validated(sampler, network, real, splits, seed=SEED + 1)["kid"][0] != first["kid"][0]
    paths = {"volumes_path": tmp_path / "v.npy", "low_path": tmp_path / "low.npy", "table_path": tmp_path / "t.tsv"}
    write_shard(sampler, first=0, count=SAMPLES, seed=SEED, **paths)
    drawn_for_validation = sampler.draw(SAMPLES, seed=derive_seed(SEED, "validation")).seeds
    assert set(read_table(tmp_path / "t.tsv")["seed"]).isdisjoint(drawn_for_validation)


@pytest.mark.parametrize("kept", [0, 1])
def test_too_few_validation_scans_give_missing_values_and_a_warning(sampler, network, real, splits, kept, tmp_path):
    few = {scan: "train" if split == "validation" and scan != "scan0" else split for scan, split in splits.items()}
    few["scan0"] = "validation" if kept else "train"
    write_table(validated(sampler, network, real, few), tmp_path / "validation.tsv")
    (row,) = read_table(tmp_path / "validation.tsv").to_dict("records")
    assert np.isnan(row["kid"]) and np.isnan(row["fid"])
    assert (row["n_real"], row["n_synthetic"]) == (kept, 0)
    assert row["warning"].startswith(f"Not computed: {kept} validation scans, 2 or more are needed")


@pytest.mark.parametrize(("images_seen", "scored"), [(8, False), (16, False), (17, True)])
def test_a_progressive_model_is_scored_from_its_last_level_on(tmp_path, images_seen, scored):
    """16 of its 32 images are shown at 8 x 8 pixels, the others at 16 x 16."""
    recipe = ModelRecipe(
        name="flat", family="pacgan", condition="none", size=16, dimensions=2, images_total=32, images_per_chunk=16,
        batch_size=1, family_recipe={"width": 8, "latent": 4, "first_level": 8},
    )  # fmt: skip
    export_untrained(recipe, folder=tmp_path, seed=1, **FACTS)
    write_json(read_json(tmp_path / "recipe.json") | {"images_seen": images_seen}, tmp_path / "recipe.json")
    network = load_network(FeatureSpec(name="random", network="random", width=32), dimensions=2)
    images = np.random.default_rng(0).integers(0, 200, (12, 16, 16), dtype=np.uint8)
    names = [f"image{row}" for row in range(12)]
    real = Embeddings(embed(images, network, what="real"), names, network.description() | {"view": "slice 16"})
    splits = {name: "validation" if row < 4 else "train" for row, name in enumerate(names)}
    row = validated(Sampler.load(tmp_path), network, real, splits).iloc[0]
    assert np.isfinite(row["kid"]) == scored
    assert ("last stage" in row["warning"]) != scored


def test_real_scans_of_another_network_or_size_and_scans_without_a_split_are_refused(sampler, network, real, splits):
    other = Embeddings(real.features, real.ids, real.meta | {"weights_sha256": "untrained-random-seed-1"})
    with pytest.raises(MrisynthError, match="have weights_sha256 'untrained-random-seed-1'"):
        validated(sampler, network, other, splits)
    with pytest.raises(MrisynthError, match="have view 64 and the samples to validate 32"):
        validated(sampler, network, Embeddings(real.features, real.ids, real.meta | {"view": 64}), splits)
    del splits["scan11"]
    with pytest.raises(MrisynthError, match=r"1 embedded real scans have no split \(first: scan11\)"):
        validated(sampler, network, real, splits)


@pytest.mark.parametrize(
    ("kid", "best"),
    [
        ([3.0, -0.5, 0.0], 1),
        ([1.0, 2.0, 1.0, 5.0], 2),
        ([np.nan, 2.0, np.nan], 1),
        ([np.nan, np.nan], 1),
        ([np.nan], 0),
        ([0.1], 0),
    ],
)
def test_the_smallest_kid_wins_the_latest_of_equals_and_the_last_without_any(kid, best):
    assert best_row(pd.DataFrame({"kid": kid})) == best


@pytest.fixture
def chain(tmp_path) -> dict[str, list[Path]]:
    """Three chunks of one training, the middle one the best; in the wrong order, as a shell would list ten and more."""
    found = {"candidates": [], "tables": []}
    for chunk, kid in ((2, 0.4), (0, 0.9), (1, 0.2)):
        seen = 4 * (chunk + 1)
        folder = candidate(tmp_path / f"candidate-{chunk}", seed=chunk, images_seen=seen)
        row = {"model": "model", "chunk": chunk, "images_seen": seen, "features": "random", "features_trained": False}
        row |= {"n_real": 4, "n_synthetic": 6, "kid": kid, "fid": 100.0 - chunk, "warning": ""}
        write_table(pd.DataFrame([row]), tmp_path / f"validation-{chunk}.tsv")
        found["candidates"].append(folder)
        found["tables"].append(tmp_path / f"validation-{chunk}.tsv")
    return found


def kept(chain, tmp_path) -> dict:
    return keep_best(**chain, folder=tmp_path / "model", table=tmp_path / "model" / "validation.tsv")


def edit(path: Path, **values) -> None:
    write_table(read_table(path).assign(**values), path)


def test_the_best_chunk_becomes_the_model(chain, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        chosen = kept(chain, tmp_path)
    assert chosen == {
        "chunk": 1, "images_seen": 8, "by": "kid on the validation split", "kid": 0.2, "features": "random",
        "features_trained": False,
    }  # fmt: skip
    facts, before = read_json(tmp_path / "model" / "recipe.json"), read_json(tmp_path / "candidate-1" / "recipe.json")
    assert facts == before | {"chosen": chosen}
    assert sha256_of(tmp_path / "model" / "generator.safetensors") == before["weights_sha256"]
    assert np.array_equal(
        Sampler.load(tmp_path / "model").draw(1).volumes, Sampler.load(tmp_path / "candidate-1").draw(1).volumes
    )
    table = read_table(tmp_path / "model" / "validation.tsv")
    assert table["chunk"].tolist() == [0, 1, 2]
    assert table["chosen"].tolist() == [False, True, False]
    assert table["fid"].tolist() == [100.0, 99.0, 98.0]
    expected = "Kept chunk 1 of 0 to 2 (8 images seen): the smallest kid to the 4 validation scans, 0.2"
    assert caplog.messages == [f"{expected}; the last chunk has 0.4."]


def test_without_scores_the_last_chunk_becomes_the_model(chain, tmp_path, caplog):
    for table in chain["tables"]:
        edit(table, kid=np.nan, fid=np.nan, n_real=1)
    with caplog.at_level(logging.INFO):
        chosen = kept(chain, tmp_path)
    assert (chosen["chunk"], chosen["kid"], chosen["by"]) == (2, None, "last chunk (none has a score)")
    assert read_json(tmp_path / "model" / "recipe.json")["chosen"] == chosen
    assert caplog.messages[0].endswith("the last: there is no validation score (1 validation scans).")


def encoders(folder: Path) -> Path:
    """Add encoders to a candidate, as a family that has some does."""
    save_file({"encoder": torch.arange(3.0)}, folder / "encoders.safetensors")
    facts = read_json(folder / "recipe.json") | {"encoders_sha256": sha256_of(folder / "encoders.safetensors")}
    write_json(facts, folder / "recipe.json")
    return folder / "encoders.safetensors"


def test_all_weights_of_a_candidate_travel_together_and_a_second_choice_leaves_nothing_of_the_first(chain, tmp_path):
    encoders(tmp_path / "candidate-1")
    kept(chain, tmp_path)
    assert load_file(tmp_path / "model" / "encoders.safetensors")["encoder"].tolist() == [0.0, 1.0, 2.0]
    edit(tmp_path / "validation-0.tsv", kid=0.1)
    assert kept(chain, tmp_path)["chunk"] == 0
    names = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert names == ["generator.safetensors", "recipe.json", "validation.tsv"]
    Sampler.load(tmp_path / "model")


@pytest.mark.fault(24)
@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"torn")])
def test_missing_and_foreign_encoders_are_refused(chain, tmp_path, harm):
    harm(encoders(tmp_path / "candidate-1"))
    with pytest.raises(MrisynthError, match=r"encoders\.safetensors is not the file that recipe\.json names"):
        kept(chain, tmp_path)


@pytest.mark.fault(24)
def test_a_candidate_with_other_weights_than_its_recipe_names_is_refused(chain, tmp_path):
    weights = tmp_path / "candidate-1" / "generator.safetensors"
    weights.write_bytes((tmp_path / "candidate-2" / "generator.safetensors").read_bytes())
    with pytest.raises(MrisynthError, match=r"is not the file that recipe\.json names"):
        Sampler.load(tmp_path / "candidate-1")
    with pytest.raises(MrisynthError, match=r"is not the file that recipe\.json names"):
        kept(chain, tmp_path)
    assert not (tmp_path / "model" / "recipe.json").exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"images_seen": 5}, r"validation-1\.tsv is not the validation of .*candidate-1 \(8 images seen\)"),
        ({"features": "medicalnet"}, "mix features or repeat a chunk"),
        ({"chunk": 2}, "mix features or repeat a chunk"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(chain, tmp_path, values, sentence):
    edit(tmp_path / "validation-1.tsv", **values)
    with pytest.raises(MrisynthError, match=sentence):
        kept(chain, tmp_path)


def test_a_missing_candidate_or_table_is_named(chain, tmp_path):
    (tmp_path / "candidate-2" / "recipe.json").unlink()
    with pytest.raises(MrisynthError, match=r"recipe\.json is missing"):
        kept(chain, tmp_path)
    with pytest.raises(MrisynthError, match="3 candidates and 2 validation tables"):
        keep_best(chain["candidates"], chain["tables"][:2], folder=tmp_path / "model", table=tmp_path / "t.tsv")
