"""Latent diffusion that is told in words: what it draws, what is kept of it, and what it needs."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tests.support.blobs import blobs, middle_rows
from tests.support.tiny_bert import SIZES, bert_weights, written

from mrisynth.errors import MrisynthError
from mrisynth.models import family
from mrisynth.networks.text_context import TextContext, context_of, without_parts
from mrisynth.recipes import ModelRecipe
from mrisynth.sample import describe
from mrisynth.sampling import Sampler, write_shard
from mrisynth.text.encoding import PromptEncoding
from mrisynth.text.prompt_condition import build_text_condition
from mrisynth.training.chunk import ChunkFiles, train_chunk

SMALL = {"autoencoder_width": 8, "denoiser_width": 16, "denoiser_factors": [1, 2], "attention_from": 1, "steps": 4,
         "head_width": 16, "token_width": 8, "critic_width": 8, "critic_layers": 1}  # fmt: skip
TEMPLATE = {"region": None, "attributes": {"T1w": ""}}
AFFINE = np.diag([14.0, 14.0, 1.0, 1.0]).tolist()


def _recipe(*, settings=None, **changes) -> ModelRecipe:
    entries = {"name": "model", "family": "latent_diffusion", "condition": "words", "size": 16, "dimensions": 2}
    entries |= {"images_total": 64, "images_per_chunk": 64, "batch_size": 4, "augmentation": "none"}
    return ModelRecipe(**entries | changes, family_recipe=SMALL | (settings or {}))


def _scans(count: int):
    """Images of blobs, and a table that says where each is: high in the north, low in the south."""
    found = blobs(count, size=16, generator=torch.Generator().manual_seed(5))
    packed = ((found.images[:, 0] + 1) * 127.5).round().byte().numpy()
    table = pd.DataFrame({"scan": [f"scan-{number}" for number in range(count)], "split": "train"})
    table["participant_id"] = table["scan"]
    table["site"] = np.where(found.labels.numpy() == 0, "north", "south")
    table["age"] = np.random.default_rng(1).integers(20, 80, count)
    return packed, table


def _condition(table, **text):
    return build_text_condition(
        "words", table, columns=["age", "site"], template=TEMPLATE, text={"length": 16} | text, seed=1
    )


def _trained(recipe, folder, *, images, condition, chunks=None):
    rows, state = np.arange(len(images)), None
    labels = PromptEncoding(condition.text).rows(condition.table["prompt"])
    for chunk in range(chunks or recipe.chunks):
        previous = folder / f"state-{chunk - 1}.pt" if chunk else None
        files = ChunkFiles(
            previous=previous, state=folder / f"state-{chunk}.pt", curve=folder / f"curve-{chunk}.tsv",
            candidate=folder / "model", watch=folder / "watch",
        )  # fmt: skip
        state = train_chunk(
            recipe, images=images, rows=rows, labels=labels, columns={}, classes=[], files=files, chunk=chunk, seed=1,
            device="cpu", threads=1, text=condition.text,
            facts={"label_counts": [], "affine": AFFINE, "field_mm": 224.0},
        )  # fmt: skip
    return state


def test_the_prompt_decides_what_is_drawn(tmp_path):
    images, table = _scans(200)
    settings = {"autoencoder": "none", "patch": 2, "steps": 20, "learning_rate_denoiser": 1e-3, "head_width": 8}
    settings |= {"denoiser_factors": [1, 1], "token_width": 16}
    recipe = _recipe(settings=settings, images_total=9600, images_per_chunk=9600, batch_size=16)
    _trained(recipe, tmp_path, images=images, condition=_condition(table))
    sampler = Sampler.load(tmp_path / "model")

    def middle(condition) -> float:
        return middle_rows(torch.from_numpy(sampler.draw(24, condition=condition).volumes)[:, None]).mean()

    assert middle({"site": "north"}) == pytest.approx(0.3, abs=0.08)
    assert middle({"site": "south"}) == pytest.approx(0.7, abs=0.08)
    assert middle("site south") > 0.55  # without the rest of the template
    drawn = sampler.draw(24)
    told = np.array([values["site"] for values in drawn.told])
    found = middle_rows(torch.from_numpy(drawn.volumes)[:, None]).numpy()
    assert set(told) == {"north", "south"} and drawn.labels.tolist() == [-1] * 24
    assert found[told == "north"].mean() < 0.4 and found[told == "south"].mean() > 0.6


@pytest.mark.parametrize("member", ["latent_diffusion", "mrgen"])
def test_a_chain_that_is_cut_in_every_stage_ends_in_the_same_bits(tmp_path, member):
    images, table = _scans(24)
    condition = _condition(table)
    settings = {"classes": 2} if member == "mrgen" else {}
    whole, cut = (
        _trained(
            _recipe(family=member, settings=settings, images_per_chunk=per_chunk), folder, images=images,
            condition=condition,
        )
        for per_chunk, folder in ((64, tmp_path / "whole"), (8, tmp_path / "cut"))
    )  # fmt: skip
    one, other = (state.averages["generator"].state_dict() for state in (whole, cut))
    assert any(name.startswith("context.encoder.") for name in one)
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_model_folder_has_words_and_encoder_and_samples_tell_their_prompts(tmp_path):
    images, table = _scans(24)
    _trained(_recipe(), tmp_path, images=images, condition=_condition(table))
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["generator.safetensors", "recipe.json"]
    sampler = Sampler.load(tmp_path / "model")
    samples = tmp_path / "shard.tsv"
    write_shard(sampler, first=0, count=3, seed=1, volumes_path=tmp_path / "images.npy", low_path=tmp_path / "low.npy",
                table_path=samples)  # fmt: skip
    rows = pd.read_csv(samples, sep="\t")
    assert list(rows) == ["sample", "seed", "label", "label_name", "prompt", "age", "site"]
    assert rows["prompt"].str.fullmatch(r"T1-weighted brain MRI, \d+ years, site (north|south)").all()
    words = describe(sampler)
    assert "  site: " in words and "T1-weighted brain MRI, " in words


def test_parts_that_are_hidden_leave_the_prompt_that_was_never_written(tmp_path):
    _, table = _scans(24)
    encoding = PromptEncoding(_condition(table).text)
    whole, without, last, nothing = (
        torch.from_numpy(encoding.rows([words])[:, 1:]).long()
        for words in ("T1-weighted brain MRI, 63 years, site north", "T1-weighted brain MRI, site north", "site north", "")
    )  # fmt: skip
    for hidden, expected in (([1], without), ([0, 1], last), ([0, 1, 2], nothing), ([], whole)):
        places = torch.zeros(1, len(encoding.columns), dtype=torch.bool)
        places[:, hidden] = True
        assert torch.equal(without_parts(whole, places, encoding.columns), expected)


def _published(folder: Path) -> Path:
    state = {f"text.transformer.{name}": weight for name, weight in bert_weights().items()}
    return written(folder, state, name="open_clip_model.safetensors", config=SIZES)


def test_a_published_encoder_is_frozen_no_part_of_the_weights_and_known_by_its_hash(tmp_path):
    images, table = _scans(24)
    folder = _published(tmp_path / "biomedclip")
    condition = _condition(table, encoder="biomedclip", folder=str(folder))
    assert condition.text.tokenizer is None and len(condition.text.settings.sha256) == 64
    state = _trained(_recipe(), tmp_path, images=images, condition=condition)
    kept = load_file(tmp_path / "model" / "generator.safetensors")
    assert [name for name in kept if name.startswith("context.")] == ["context.projection.weight"]
    state_words = state.networks["generator"].context._published
    assert state.averages["generator"].context._published is state_words
    sampler = Sampler.load(tmp_path / "model")
    assert np.isfinite(sampler.draw(2, condition="woman, brain mri").volumes).all()
    weights = folder / "open_clip_model.safetensors"
    moved = weights.rename(folder / "elsewhere")
    with pytest.raises(MrisynthError, match=r"has no open_clip_model.safetensors or .*: nothing is downloaded"):
        Sampler.load(tmp_path / "model")
    moved.rename(weights)
    folder.rename(tmp_path / "gone")
    with pytest.raises(MrisynthError, match="biomedclip: this folder is not there; the model is told by BiomedCLIP"):
        Sampler.load(tmp_path / "model")
    other = {f"text.transformer.{name}": weight + 1 for name, weight in bert_weights().items()}
    written(folder, other, name="open_clip_model.safetensors", config=SIZES)
    with pytest.raises(MrisynthError, match="is not the file that the model was told by"):
        Sampler.load(tmp_path / "model")


@pytest.mark.parametrize("encoder", ["own", "biomedclip"])
def test_an_empty_prompt_tells_nothing_at_all(tmp_path, encoder):
    _, table = _scans(24)
    text = {"encoder": encoder, "folder": str(_published(tmp_path))} if encoder != "own" else {}
    encoding = PromptEncoding(_condition(table, **text).text)
    context = context_of(encoding.columns, width=8)
    told = context(torch.from_numpy(encoding.rows(["", "woman, 63 years, brain"])))
    assert isinstance(context, TextContext) and told.shape == (2, 16, 8)
    assert (told[0] == 0).all() and (told[1] != 0).any()
    again = copy.deepcopy(context)
    torch.testing.assert_close(again(torch.from_numpy(encoding.rows(["woman, 63 years, brain"])))[0], told[1])
    none = family("latent_diffusion").network("generator", _recipe(), columns=[], seed=1)
    assert none.context is None
