"""BiomedCLIP's text tower from folders that are written on the spot: both forms, and what does not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.support.tiny_bert import SIZES, WORDS, bert_weights, written

from mrisynth.errors import MrisynthError
from mrisynth.text.biomedclip import load_biomedclip

PROMPTS = ["Brain MRI, woman, 63", "hippocampus", ""]
TO_CLIP = {
    "embeddings.word_embeddings": "embeddings.token_embedding",
    "embeddings.position_embeddings": "embeddings.position_embedding",
    "embeddings.token_type_embeddings": "embeddings.token_type_embedding",
    "embeddings.LayerNorm": "embeddings.layer_norm",
    "encoder.layer.": "encoder.layers.",
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "layer_norm1",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "output.LayerNorm": "layer_norm2",
}
TRANSFORMERS = """
import sys
sys.modules["torchvision"] = None  # not needed, and a build that does not fit torch stops the import
from safetensors.torch import load_file, save_file
from tests.support.tiny_bert import SIZES, WORDS, bert_weights, written
from transformers import BertConfig, BertModel
import torch
weights, tokens = load_file({weights!r}), torch.tensor({tokens})
model = BertModel(BertConfig(**{sizes}), add_pooling_layer=False).eval()
model.load_state_dict(weights)
with torch.no_grad():
    masked = model(tokens, attention_mask=(tokens != 0).long()).last_hidden_state
    plain = model(tokens).last_hidden_state
save_file({{"masked": masked, "plain": plain}}, {found!r})
"""
TOKENS = [
    [2, 5, 6, 7, 8, 7, 11, 12, 3, 0, 0, 0],
    [2, 9, 10, 3, *[0] * 8],
    [2, 3, *[0] * 10],
]


@pytest.fixture(scope="module")
def bert() -> dict[str, torch.Tensor]:
    return bert_weights()


def reference(bert: dict[str, torch.Tensor], tokens: torch.Tensor, *, masked: bool) -> torch.Tensor:
    """A BERT in a few lines, by the names of its weights."""

    def linear(name: str, values: torch.Tensor) -> torch.Tensor:
        return values @ bert[f"{name}.weight"].T + bert[f"{name}.bias"]

    def norm(name: str, values: torch.Tensor) -> torch.Tensor:
        centred = values - values.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + SIZES["layer_norm_eps"]).sqrt()
        return scaled * bert[f"{name}.weight"] + bert[f"{name}.bias"]

    tables = {name: bert[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")}
    places = tables["position"][: tokens.shape[1]]
    values = norm("embeddings.LayerNorm", tables["word"][tokens] + places + tables["token_type"][0])
    for layer in range(2):
        start, heads = f"encoder.layer.{layer}", SIZES["num_attention_heads"]
        parts = [linear(f"{start}.attention.self.{name}", values) for name in ("query", "key", "value")]
        query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in parts)
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        if masked:
            scores = scores.masked_fill((tokens == 0)[:, None, None], -torch.inf)
        seen = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        values = norm(f"{start}.attention.output.LayerNorm", values + linear(f"{start}.attention.output.dense", seen))
        hidden = torch.nn.functional.gelu(linear(f"{start}.intermediate.dense", values))
        values = norm(f"{start}.output.LayerNorm", values + linear(f"{start}.output.dense", hidden))
    return values


def weights(bert: dict[str, torch.Tensor], form: str) -> dict[str, torch.Tensor]:
    if form == "open_clip":
        extra = {"visual.head.weight": torch.ones(3), "text.proj.0.weight": torch.ones(4), "logit_scale": torch.ones(1)}
        return {f"text.transformer.{name}": value for name, value in bert.items()} | extra
    renamed = {}
    for name, value in bert.items():
        clip = name
        for theirs, its in TO_CLIP.items():
            clip = clip.replace(theirs, its)
        renamed[f"text_model.{clip}"] = value
    return renamed | {"vision_model.x": torch.ones(2), "text_projection.fc1.weight": torch.ones(2)}


@pytest.mark.parametrize(
    ("form", "name", "config"),
    [
        ("open_clip", "open_clip_pytorch_model.bin", SIZES),
        ("open_clip", "open_clip_model.safetensors", SIZES),
        ("text_model", "model.safetensors", {"model_type": "clip", "text_config": SIZES}),
        ("text_model", "pytorch_model.bin", {"text_config": SIZES}),
    ],
)
def test_both_forms_give_what_the_model_gives_that_they_are_from(tmp_path, bert, form, name, config):
    folder = written(tmp_path, weights(bert, form), name=name, config=config)
    found = load_biomedclip(folder, length=12)
    tokens = found.tokenizer.encode(PROMPTS)
    assert tokens.ids.tolist() == TOKENS and tokens.unknown == ()
    ids = torch.from_numpy(tokens.ids)
    here = found.encoder(ids)
    assert found.encoder.width == 32 and found.weights == folder / name and len(found.sha256) == 64
    told = (ids != 0) & torch.tensor([[True], [True], [False]])
    torch.testing.assert_close(here[told], reference(bert, ids, masked=True)[told], atol=1e-5, rtol=1e-4)
    assert (here[~told] == 0).all() and not any(weight.requires_grad for weight in found.encoder.parameters())
    published = load_biomedclip(folder, length=12, as_published=True).encoder(ids)
    torch.testing.assert_close(published, reference(bert, ids, masked=False), atol=1e-5, rtol=1e-4)


@pytest.mark.long  # because of the import of transformers
@pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed")
def test_the_reference_is_the_bert_of_transformers(tmp_path, bert):
    save_file(bert, tmp_path / "weights.safetensors")
    files = {name: str(tmp_path / f"{name}.safetensors") for name in ("weights", "found")}
    code = TRANSFORMERS.format(sizes=SIZES, tokens=TOKENS, **files)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=300)
    found, ids = load_file(files["found"]), torch.tensor(TOKENS)
    told = ids != 0
    torch.testing.assert_close(reference(bert, ids, masked=True)[told], found["masked"][told], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(reference(bert, ids, masked=False), found["plain"], atol=1e-5, rtol=1e-4)


def test_open_clip_without_the_configuration_of_bert_has_heads_of_64(tmp_path, bert):
    folder = written(tmp_path, weights(bert, "open_clip"), name="open_clip_pytorch_model.bin", config={})
    (folder / "config.json").unlink()
    with pytest.raises(MrisynthError, match=r"config.json is missing or no JSON file"):
        load_biomedclip(folder, length=12)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"text_cfg": {"hf_model_name": "bert"}}}))
    assert load_biomedclip(folder, length=12).encoder.settings.heads == 1


def test_the_folders_of_mrgen_may_lie_beside_each_other(tmp_path, bert):
    config = {"text_config": SIZES}
    written(tmp_path / "text_encoder", weights(bert, "text_model"), name="model.safetensors", config=config)
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "text_encoder" / "vocab.txt").rename(tmp_path / "tokenizer" / "vocab.txt")
    (tmp_path / "tokenizer" / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    found = load_biomedclip(tmp_path, length=6)
    tokens = found.tokenizer.encode(["Brain MRI", "brain zebra", "brain " * 9])
    assert tokens.unknown == ("Brain", "MRI", "zebra") and tokens.cut == (2,)
    assert np.array_equal(tokens.ids[2], [2, 5, 5, 5, 5, 3])


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"drop": "vocab.txt"}, r"has no vocab.txt, neither itself nor in tokenizer"),
        ({"drop": "model.safetensors"}, r"has no open_clip_model.safetensors or .* nothing is downloaded"),
        ({"drop": "config.json"}, r"config.json is missing or no JSON"),
        ({"config": {"text_config": {"num_attention_heads": 4}}}, r"has the activation 'quick_gelu'; expected gelu"),
        ({"config": {"text_config": SIZES | {"num_attention_heads": None}}}, r"says no num_attention_heads"),
        ({"config": {"text_config": SIZES | {"num_attention_heads": 5}}}, r"32 wide cannot have 5 heads"),
        ({"config": {"text_config": SIZES | {"hidden_size": 64}}}, r"has hidden_size 32, its configuration says 64"),
        ({"words": WORDS[:-1]}, r"embeddings of 14 tokens, vocab.txt has 13"),
        ({"words": WORDS[1:]}, r"expected \[PAD\] in it"),
        ({"lost": "encoder.layers.1.mlp.fc1.bias"}, r"lacks text_model.encoder.layers.1.mlp.fc1.bias"),
        ({"more": "encoder.layers.0.extra.weight"}, r"has text_model.encoder.layers.0.extra.weight, which a BERT"),
        ({"more": "encoder.layers.0.mlp.fc2.bias"}, r"not the weights of a BERT \(size mismatch for layers.0.linear2"),
        ({"more": "embeddings.token_embedding.weight"}, r"not the weights of a BERT"),
        ({"more": "encoder.layers.0.self_attn.q_proj.weight"}, r"not the weights of a BERT"),
        ({"rename": "vision_model."}, r"has neither text.transformer.\* nor text_model.\*"),
        ({"torn": True}, r"not a whole file of weights"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, bert, change, sentence):
    state = weights(bert, "text_model")
    if "lost" in change:
        del state[f"text_model.{change['lost']}"]
    if "more" in change:
        state[f"text_model.{change['more']}"] = torch.ones(2)
    if "rename" in change:
        state = {name.replace("text_model.", change["rename"]): value for name, value in state.items()}
    config = change.get("config", {"text_config": SIZES})
    folder = written(tmp_path, state, name="model.safetensors", config=config)
    if "words" in change:
        (folder / "vocab.txt").write_text("\n".join(change["words"]))
    if "drop" in change:
        (folder / change["drop"]).unlink()
    if "torn" in change:
        (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-50])
    with pytest.raises(MrisynthError, match=sentence):
        load_biomedclip(folder, length=12)


@pytest.mark.fault(16)
def test_a_pickle_is_not_run(tmp_path, bert):
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)

    folder = written(tmp_path, {}, name="open_clip_pytorch_model.bin", config=SIZES)
    torch.save({"text.transformer.x": Trap()}, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(MrisynthError, match=r"cannot be read as a plain state .* nothing of it was run"):
        load_biomedclip(folder)
    assert not (tmp_path / "sprung").exists()
    written(tmp_path, weights(bert, "open_clip"), name="open_clip_pytorch_model.bin", config=SIZES)
    with pytest.raises(MrisynthError, match=r"Prompts of 77 tokens do not fit .* expected 20 at most"):
        load_biomedclip(folder)
