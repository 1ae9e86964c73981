"""A BERT of a few random weights, and the folder of BiomedCLIP that it is the text tower of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "brain",
    "mri",
    ",",
    "woman",
    "hippo",
    "##campus",
    "6",
    "##3",
    "t",
]
SIZES = {
    "vocab_size": len(WORDS), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 48, "max_position_embeddings": 20, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
}  # fmt: skip


def bert_weights() -> dict[str, torch.Tensor]:
    """Random weights by the names of ``transformers.BertModel``."""
    width, hidden = SIZES["hidden_size"], SIZES["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), width), "embeddings.position_embeddings.weight": (20, width),
        "embeddings.token_type_embeddings.weight": (2, width), "embeddings.LayerNorm": (width,),
    }  # fmt: skip
    for layer in range(2):
        start = f"encoder.layer.{layer}"
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes[f"{start}.{part}"] = (width, width)
        shapes |= {f"{start}.intermediate.dense": (hidden, width), f"{start}.output.dense": (width, hidden)}
        shapes |= {f"{start}.{part}.LayerNorm": (width,) for part in ("attention.output", "output")}
    generator, found = torch.Generator().manual_seed(0), {}
    for name, shape in shapes.items():
        if name.endswith(".weight"):
            found[name] = torch.randn(shape, generator=generator)
            continue
        found[f"{name}.weight"] = 0.3 * torch.randn(shape, generator=generator)
        found[f"{name}.bias"] = 0.3 * torch.randn(shape[0], generator=generator)
    return found


def written(folder: Path, state: dict[str, torch.Tensor], *, name: str, config: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "config.json").write_text(json.dumps(config))
    if name.endswith(".bin"):
        torch.save(state, folder / name)
    else:
        save_file({key: value.contiguous() for key, value in state.items()}, folder / name)
    return folder
