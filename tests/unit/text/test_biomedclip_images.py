"""BiomedCLIP's space from a folder that is written on the spot: images, prompts, and what does not fit."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from tests.support.tiny_bert import bert_weights
from tests.support.tiny_clip import (
    CONFIG,
    EDGE,
    HEADS,
    HIDDEN,
    LAYERS,
    PATCH,
    SPACE,
    WIDTH,
    clip_folder,
    clip_weights,
    configured,
    trunk_weights,
)  # fmt: skip

from mrisynth.errors import MrisynthError
from mrisynth.planes import PLANES, plane
from mrisynth.text.biomedclip import load_biomedclip
from mrisynth.text.biomedclip_images import NoImageTowerError, load_biomedclip_space

PROMPTS = ["Brain MRI, woman, 63", "hippocampus"]


def tower(weights: dict[str, torch.Tensor], pixels: torch.Tensor) -> torch.Tensor:
    """A ViT in a few lines, by the names of timm: [n, 3, edge, edge] to [n, width]."""

    def linear(name: str, values: torch.Tensor) -> torch.Tensor:
        return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, values: torch.Tensor) -> torch.Tensor:
        centred = values - values.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    count, across = len(pixels), EDGE // PATCH
    cut = pixels.reshape(count, 3, across, PATCH, across, PATCH).permute(0, 2, 4, 1, 3, 5).reshape(count, across**2, -1)
    patches = cut @ weights["patch_embed.proj.weight"].reshape(WIDTH, -1).T + weights["patch_embed.proj.bias"]
    values = torch.cat([weights["cls_token"].repeat(count, 1, 1), patches], dim=1) + weights["pos_embed"]
    for layer in range(LAYERS):
        start = f"blocks.{layer}"
        query, key, value = linear(f"{start}.attn.qkv", norm(f"{start}.norm1", values)).split(WIDTH, dim=-1)
        query, key, value = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (query, key, value))
        seen = (query @ key.transpose(2, 3) / query.shape[-1] ** 0.5).softmax(-1) @ value
        values = values + linear(f"{start}.attn.proj", seen.transpose(1, 2).flatten(2))
        hidden = torch.nn.functional.gelu(linear(f"{start}.mlp.fc1", norm(f"{start}.norm2", values)))
        values = values + linear(f"{start}.mlp.fc2", hidden)
    return norm("norm", values)[:, 0]


def unit(values: torch.Tensor) -> torch.Tensor:
    return values / values.norm(dim=-1, keepdim=True)


def of_pixels(pixels: torch.Tensor) -> torch.Tensor:
    return unit(tower(trunk_weights(), pixels) @ clip_weights()["visual.head.proj.weight"].T)


def slices(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return load_biomedclip_space(clip_folder(tmp_path_factory.mktemp("clip")))


def test_images_are_embedded_as_the_published_parts_do_it(space):
    images = slices(3, EDGE, EDGE)
    mean, deviation = (torch.tensor(CONFIG["preprocess_cfg"][name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    pixels = (torch.from_numpy(images)[:, None].float() / 255 - mean) / deviation
    found = space.of_images(images, count=3)
    assert found.dtype == np.float32 and found.shape == (3, SPACE)
    torch.testing.assert_close(torch.from_numpy(found), of_pixels(pixels), atol=1e-5, rtol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 1e-3, "the random tower tells images apart"


@pytest.mark.long  # because of the import of transformers
@pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed")
def test_the_tower_is_the_vit_of_transformers(space):
    from mrisynth.transformers_bridge import transformers

    config = transformers.ViTConfig(
        hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=HIDDEN,
        image_size=EDGE, patch_size=PATCH, layer_norm_eps=1e-6,
    )  # fmt: skip
    theirs = transformers.ViTModel(config, add_pooling_layer=False).eval()
    weights, state = trunk_weights(), {}
    for name in theirs.state_dict():
        state[name] = _by_transformers(name, weights)
    theirs.load_state_dict(state)
    pixels = torch.randn(2, 3, EDGE, EDGE, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        expected = theirs(pixels).last_hidden_state[:, 0]
        torch.testing.assert_close(space.tower(pixels), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(tower(weights, pixels), expected, atol=1e-5, rtol=1e-4)


def _by_transformers(name: str, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """The weight that transformers has under a name."""
    outer = {"cls_token": "cls_token", "position_embeddings": "pos_embed", "projection": "patch_embed.proj"}
    if name.startswith("embeddings."):
        (theirs,) = (part for part in outer if part in name)
        return weights[name.replace(name[: name.index(theirs) + len(theirs)], outer[theirs])]
    if name.startswith("layernorm."):
        return weights[name.replace("layernorm", "norm")]
    layer, kind = next(part for part in name.split(".") if part.isdigit()), name.rsplit(".", 1)[1]
    for place, part in enumerate(("query", "key", "value")):
        if f".{part}." in name or f".{part[0]}_proj." in name:
            return weights[f"blocks.{layer}.attn.qkv.{kind}"].split(WIDTH)[place]
    parts = {"attention.output": "attn.proj", "attention.o_proj": "attn.proj", "layernorm_before": "norm1",
             "layernorm_after": "norm2", "intermediate": "mlp.fc1", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2",
             "output.dense": "mlp.fc2"}  # fmt: skip
    ours = next(ours for theirs, ours in parts.items() if theirs in name)
    return weights[f"blocks.{layer}.{ours}.{kind}"]


def test_prompts_are_the_first_token_through_two_maps(space, tmp_path):
    weights = clip_weights()
    text = load_biomedclip(clip_folder(tmp_path), length=16)
    ids = torch.from_numpy(text.tokenizer.encode(PROMPTS).ids)
    first = text.encoder(ids)[:, 0]
    expected = torch.nn.functional.gelu(first @ weights["text.proj.0.weight"].T) @ weights["text.proj.2.weight"].T
    found = space.of_prompts(PROMPTS)
    assert found.shape == (2, SPACE)
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-5, rtol=1e-4)
    alone = space.of_prompts(PROMPTS[1:])
    np.testing.assert_allclose(alone[0], found[1], atol=1e-5)


def test_slices_of_any_size_are_resized_as_pictures_are(space):
    image = slices(20, 20)
    image = np.asarray(Image.fromarray(image).resize((80, 80), Image.Resampling.BICUBIC))
    pixels = space.pixels(image)
    mean, deviation = (torch.tensor(CONFIG["preprocess_cfg"][name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    shown = (pixels * deviation + mean)[0] * 255
    expected = np.asarray(Image.fromarray(image).resize((EDGE, EDGE), Image.Resampling.BICUBIC), dtype=np.float32)
    apart = np.abs(shown.numpy() - expected)  # Pillow rounds twice
    assert apart.max() < 3 and apart.mean() < 0.4
    colour = space.pixels(np.stack([image] * 3, axis=-1))
    torch.testing.assert_close(colour, pixels)


def test_a_volume_is_the_mean_of_its_three_planes(space):
    volume = slices(24, 24, 24)
    planes = space.of_images([plane(volume, name) for name in PLANES], count=3)
    np.testing.assert_allclose(space.of_images([volume], count=1)[0], planes.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(planes, axis=1), 1, rtol=1e-5)
    assert space.of_images([], count=0).shape == (0, SPACE)


def test_plain_states_are_read_and_weights_stay_as_they_are(tmp_path):
    space = load_biomedclip_space(clip_folder(tmp_path, name="open_clip_pytorch_model.bin"))
    assert len(space.text.sha256) == 64 and not any(weight.requires_grad for weight in space.tower.parameters())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"visual.trunk.blocks.1.attn.qkv.bias": None}, r"lacks visual.trunk.blocks.1.attn.qkv.bias"),
        ({"visual.head.proj.weight": None}, r"lacks visual.head.proj.weight"),
        ({"text.proj.2.weight": None}, r"lacks text.proj.2.weight"),
        ({"visual.trunk.fc_norm.weight": torch.ones(2)}, r"has visual.trunk.fc_norm.weight, which a ViT does not have"),
        ({"visual.head.proj.bias": torch.ones(2)}, r"has visual.head.proj.bias, which BiomedCLIP does not have"),
        ({"classifier.weight": torch.ones(2)}, r"has classifier.weight, which BiomedCLIP does not have"),
        ({"visual.trunk.pos_embed": torch.ones(1, 6, WIDTH)}, r"these are not the weights of a ViT"),
        ({"visual.trunk.patch_embed.proj.weight": torch.ones(WIDTH)}, r"these are not the weights of a ViT"),
        ({"visual.head.proj.weight": torch.ones(SPACE, 7)}, r"do not end in one space"),
        ({"text.proj.2.weight": torch.ones(SPACE + 1, 28)}, r"do not end in one space"),
    ],
)
def test_weights_that_are_missing_left_over_or_of_another_shape_are_named(tmp_path, change, sentence):
    state = clip_weights() | change
    folder = clip_folder(tmp_path, state={name: value for name, value in state.items() if value is not None})
    with pytest.raises(MrisynthError, match=sentence):
        load_biomedclip_space(folder)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (configured("vision_cfg", timm_pool="avg"), r"vision_cfg.timm_pool 'avg'; expected '' or 'token'"),
        (configured("text_cfg", hf_pooler_type="mean_pooler"), r"text_cfg.hf_pooler_type 'mean_pooler'"),
        (configured("vision_cfg", image_size=224), r"sees images of 32 pixels, its configuration says 224"),
        (configured("text_cfg", context_length=0), r"context_length 0; expected a whole number"),
        (configured("text_cfg", context_length=256), r"Prompts of 256 tokens do not fit"),
        (configured("preprocess_cfg", std=[0.1, 0.2]), r"expected three numbers each"),
        (configured("preprocess_cfg", mean=None), r"missing or does not say model_cfg and preprocess_cfg"),
        ({}, r"missing or does not say model_cfg and preprocess_cfg"),
        ([], r"missing or does not say model_cfg and preprocess_cfg"),
    ],
)
def test_another_way_of_putting_it_together_is_refused(tmp_path, config, sentence):
    folder = clip_folder(tmp_path, config=CONFIG)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(MrisynthError, match=sentence):
        load_biomedclip_space(folder)


def test_a_folder_in_mrgens_form_has_no_image_tower(tmp_path):
    state = {f"text_model.{name}": value for name, value in bert_weights().items()}
    folder = clip_folder(tmp_path, state=state, name="model.safetensors")
    with pytest.raises(NoImageTowerError, match=r"has no visual\.\*, .* as open_clip publishes it"):
        load_biomedclip_space(folder)
    (folder / "open_clip_config.json").unlink()
    clip_folder(tmp_path / "other")
    (tmp_path / "other" / "open_clip_config.json").unlink()
    with pytest.raises(MrisynthError, match=r"open_clip_config.json is missing"):
        load_biomedclip_space(tmp_path / "other")


def test_images_of_another_shape_are_refused_by_the_tower(space):
    with pytest.raises(MrisynthError, match=r"expected \[n, 3, 32, 32\]"):
        space.tower(torch.zeros(1, 3, 16, 16))
