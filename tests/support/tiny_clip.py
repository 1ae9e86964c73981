"""A BiomedCLIP of a few random weights as open_clip publishes it: both towers, by the names of timm and BERT."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from tests.support.tiny_bert import SIZES, bert_weights, written

EDGE, PATCH, WIDTH, HEADS, HIDDEN, LAYERS, SPACE = 32, 8, 128, 2, 96, 2, 24
CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": SPACE,
        "vision_cfg": {"timm_model_name": "vit_tiny", "timm_pool": "", "timm_proj": "linear", "image_size": EDGE},
        "text_cfg": {
            "hf_model_name": "bert", "hf_proj_type": "mlp", "hf_pooler_type": "cls_last_hidden_state_pooler",
            "context_length": 16,
        },
    },
    "preprocess_cfg": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25]},
}  # fmt: skip


def trunk_weights() -> dict[str, torch.Tensor]:
    """Random weights of a ViT by the names of timm."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, WIDTH), "pos_embed": (1, 1 + (EDGE // PATCH) ** 2, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, PATCH, PATCH), "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,), "norm.bias": (WIDTH,),
    }  # fmt: skip
    for layer in range(LAYERS):
        parts = {"norm1": (WIDTH,), "attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH), "norm2": (WIDTH,)}
        parts |= {"mlp.fc1": (HIDDEN, WIDTH), "mlp.fc2": (WIDTH, HIDDEN)}
        for name, shape in parts.items():
            shapes |= {f"blocks.{layer}.{name}.weight": shape, f"blocks.{layer}.{name}.bias": shape[:1]}
    generator = torch.Generator().manual_seed(1)
    return {name: 0.15 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def clip_weights() -> dict[str, torch.Tensor]:
    """Random weights of the whole."""
    generator, width = torch.Generator().manual_seed(2), SIZES["hidden_size"]
    state = {f"visual.trunk.{name}": value for name, value in trunk_weights().items()}
    state |= {f"text.transformer.{name}": value for name, value in bert_weights().items()}
    state["visual.head.proj.weight"] = torch.randn(SPACE, WIDTH, generator=generator)
    state["text.proj.0.weight"] = torch.randn(28, width, generator=generator)
    state["text.proj.2.weight"] = torch.randn(SPACE, 28, generator=generator)
    return state | {"logit_scale": torch.ones(())}


def clip_folder(
    folder: Path, *, state: dict[str, torch.Tensor] | None = None, name: str = "open_clip_model.safetensors",
    config: dict[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Write such a folder; ``config`` stands in place of :data:`CONFIG`."""
    written(folder, clip_weights() if state is None else state, name=name, config=SIZES)
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG if config is None else config))
    return folder


def configured(part: str, **changes: Any) -> dict[str, Any]:
    """:data:`CONFIG` with other values in one of its parts."""
    config = copy.deepcopy(CONFIG)
    (config if part == "preprocess_cfg" else config["model_cfg"])[part].update(changes)
    return config
