"""A study of blobs that are told in words, as files: high in the north, low in the south, larger with age."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from tests.support.tiny_clip import clip_folder

from mrisynth.conditions import write_condition
from mrisynth.embeddings import Embeddings, save_embeddings
from mrisynth.files import write_table
from mrisynth.recipes import ModelRecipe
from mrisynth.slices.packing import packed_slices, write_index
from mrisynth.text.prompt_condition import build_text_condition
from mrisynth.text_similarity_study import SimilarityFiles
from mrisynth.training.export import export_untrained

SMALL = {"autoencoder_width": 8, "denoiser_width": 16, "denoiser_factors": [1, 2], "attention_from": 1, "steps": 4,
         "head_width": 16, "token_width": 16, "critic_width": 8, "critic_layers": 1}  # fmt: skip
RANDOM = {"features": "pixels", "network": "random", "weights_sha256": "untrained-random-seed-0", "trained": False,
          "view": "slice 16"}  # fmt: skip


def shown(table: pd.DataFrame, *, seed: int) -> np.ndarray:
    """Images uint8 [n, 16, 16] of what a table says, noisy."""
    random = np.random.default_rng(seed)
    rows = np.where(table["site"] == "north", 4.5, 11.5) + random.normal(0, 0.6, len(table))
    width = 1.5 + table["age"].to_numpy(dtype=float) / 30
    places = np.arange(16) + 0.5
    away = (places[None, :, None] - rows[:, None, None]) ** 2 + (places[None, None] - 8) ** 2
    bright = np.exp(-away / (2 * width[:, None, None] ** 2)) + random.normal(0, 0.05, (len(table), 16, 16))
    return (np.clip(bright, 0, 1) * 255).astype(np.uint8)


def told(people: int, *, seed: int) -> pd.DataFrame:
    """What is true of people, of each one scan."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"scan": [f"scan-{number:03d}" for number in range(people)]})
    table["participant_id"] = table["scan"].str.replace("scan", "p")
    table["split"] = np.where(np.arange(people) % 3 == 0, "test", "train")
    return table.assign(site=random.choice(["north", "south"], people), age=random.integers(20, 80, people))


def embedded(images: np.ndarray, ids: list[str]) -> Embeddings:
    """Means of blocks, which know where a blob is, as if of a random network."""
    blocks = images.reshape(len(images), 8, 2, 8, 2).mean(axis=(2, 4)).reshape(len(images), -1)
    return Embeddings(blocks.astype(np.float32), ids, dict(RANDOM))


def told_images(folder: Path, *, follows: bool, people: int = 120, count: int = 60, **text: str) -> SimilarityFiles:
    """Write all that is scored; samples show their own prompts, or those of other samples."""
    table = told(people, seed=1)
    build = {"columns": ["age", "site"], "template": {"region": None, "attributes": {"T1w": ""}}, "seed": 1}
    condition = build_text_condition("words", table, text={"length": 16} | text, **build)
    write_condition(condition, folder / "conditions" / "words.tsv")
    images, slices = shown(table, seed=2), folder / "slices"
    with packed_slices(slices, sizes=[16]) as append:
        places = [append(lambda size, image=image: image) for image in images]
    facts = table.assign(row=places, image="s-" + table["scan"], status="passed")
    write_index(facts[["row", "image", "scan", "participant_id", "split", "status"]].to_dict("records"), slices)
    asked = told(count, seed=3)
    drawn = shown(asked if follows else asked.sample(frac=1, random_state=4), seed=5)
    np.save(folder / "000.npy", drawn[: count // 2])
    np.save(folder / "001.npy", drawn[count // 2 :])
    prompts = build_text_condition("words", asked.assign(split="train"), text={"length": 16} | text, **build)
    rows = pd.DataFrame({"sample": range(count), "prompt": prompts.table["prompt"]})
    write_table(rows, folder / "samples.tsv")
    save_embeddings(embedded(images, facts["image"].tolist()), folder / "real.npz")
    save_embeddings(embedded(drawn, [f"words-{row}" for row in range(count)]), folder / "samples.npz")
    recipe = ModelRecipe(
        name="words", family="latent_diffusion", condition="words", size=16, dimensions=2, images_total=64,
        images_per_chunk=64, batch_size=4, family_recipe=SMALL,
    )  # fmt: skip
    export_untrained(
        recipe, classes=[], columns={}, label_counts=[], affine=np.eye(4).tolist(), field_mm=224.0,
        folder=folder / "model", seed=1, text=condition.text.to_dict(),
    )  # fmt: skip
    return SimilarityFiles(
        recipe=folder / "model" / "recipe.json", condition=folder / "conditions" / "words.tsv",
        splits=slices / "index.tsv", real=folder / "real.npz", samples=folder / "samples.npz",
        drawn=folder / "samples.tsv", shards=[folder / "000.npy", folder / "001.npy"], index=slices / "index.tsv",
    )  # fmt: skip


def by_biomedclip(files: SimilarityFiles, folder: Path, **changes: object) -> SimilarityFiles:
    """The same with a BiomedCLIP of random weights."""
    return replace(files, biomedclip=clip_folder(folder, **changes), required=True)
