"""BiomedCLIP's text tower from a local folder: nothing is downloaded, and no code of the folder is run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of
from mrisynth.networks.text_encoder import EncoderSettings, TextEncoder
from mrisynth.text.biomedclip_files import found_file, weights_file
from mrisynth.text.tokenizer import LENGTH
from mrisynth.text.wordpieces import VOCABULARY, WordPieces, read_wordpieces
from mrisynth.weights_file import read_published

_CONFIG, _OPEN_CLIP = "config.json", "open_clip_config.json"
_HEAD = 64  # width of a head of every published BERT
_SIZES = {
    "vocab_size": "vocabulary",
    "max_position_embeddings": "length",
    "hidden_size": "width",
    "num_hidden_layers": "layers",
    "intermediate_size": "hidden",
}
_UNUSED = re.compile(r"pooler\..*|embeddings\.(position_ids|token_type_ids)")


@dataclass(frozen=True, kw_only=True)
class _Names:
    """What a published file calls the parts of the encoder, below a prefix."""

    prefix: str
    words: str
    places: str
    kinds: str
    norm: str
    layer: str
    attention: tuple[str, str, str]
    parts: Mapping[str, str]


_FORMS = {
    "open_clip": _Names(
        prefix="text.transformer.", words="embeddings.word_embeddings", places="embeddings.position_embeddings",
        kinds="embeddings.token_type_embeddings", norm="embeddings.LayerNorm", layer="encoder.layer.",
        attention=("attention.self.query", "attention.self.key", "attention.self.value"),
        parts={
            "self_attn.out_proj": "attention.output.dense", "norm1": "attention.output.LayerNorm",
            "linear1": "intermediate.dense", "linear2": "output.dense", "norm2": "output.LayerNorm",
        },
    ),
    "text_model": _Names(
        prefix="text_model.", words="embeddings.token_embedding", places="embeddings.position_embedding",
        kinds="embeddings.token_type_embedding", norm="embeddings.layer_norm", layer="encoder.layers.",
        attention=("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        parts={
            "self_attn.out_proj": "self_attn.out_proj", "norm1": "layer_norm1", "linear1": "mlp.fc1",
            "linear2": "mlp.fc2", "norm2": "layer_norm2",
        },
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class BiomedClip:
    """A published text tower.

    Attributes:
        tokenizer: of its vocabulary.
        encoder: frozen.
        weights: the file that it is from.
        sha256: of that file.
    """

    tokenizer: WordPieces
    encoder: TextEncoder
    weights: Path
    sha256: str


def load_biomedclip(folder: str | Path, *, length: int = LENGTH, as_published: bool = False) -> BiomedClip:
    """Return the text tower of a folder (Zhang et al. 2023, arXiv 2303.00915).

    The encoder is a BERT (12 layers, 768 wide) as plain torch; ``transformers`` is not needed. Two kinds of folders
    are read: that of open_clip (``text.transformer.*``), and the one that MRGen has it in (``text_model.*``; its
    ``text_encoder`` and ``tokenizer`` may be folders of the folder). Sizes are those of the weights; heads, activation
    and epsilon are those of ``config.json``. open_clip's folder may have no ``config.json``, but then
    ``open_clip_config.json``; heads are 64 wide then, as in BERT.

    Args:
        folder: holds the weights (see :mod:`mrisynth.text.biomedclip_files`), the configuration, and ``vocab.txt``.
        length: tokens of a prompt.
        as_published: attend to padding and keep the vectors of padding and of the empty prompt, as MRGen does; else
            both are 0, see :class:`mrisynth.networks.text_encoder.TextEncoder`.

    Raises:
        MrisynthError: a file is missing or not what it should be, names or shapes of weights do not fit, or the
            configuration says otherwise.
    """
    folder = Path(folder)
    path = weights_file(folder)
    tokenizer = read_wordpieces(found_file(folder, "tokenizer", (VOCABULARY,)).parent, length=length)
    form, weights = _text_weights(path)
    told = _told(path.parent, form)
    try:
        state = _renamed(weights, _FORMS[form], path)
        settings = _settings(state, told, tokenizer, path)
        with torch.device("meta"):  # no weight is drawn only to be replaced
            encoder = TextEncoder(settings, masked=not as_published)
        encoder.load_state_dict(state, assign=True)
    except (RuntimeError, IndexError, ValueError) as error:  # shapes that cannot be joined, or are not ours
        first = str(error).splitlines()[-1].strip()
        raise MrisynthError(f"{path}: these are not the weights of a BERT ({first}); fetch it again.") from None
    if length > settings.length:
        raise MrisynthError(f"Prompts of {length} tokens do not fit into {path}; expected {settings.length} at most.")
    encoder = encoder.eval().requires_grad_(requires_grad=False)
    return BiomedClip(tokenizer=tokenizer, encoder=encoder, weights=path, sha256=sha256_of(path))


def _text_weights(path: Path) -> tuple[str, dict[str, Tensor]]:
    """Return which form a file has, and the weights of the text tower by their names below its prefix."""
    state = read_published(path)
    for form, names in _FORMS.items():
        found = {key[len(names.prefix) :]: value for key, value in state.items() if key.startswith(names.prefix)}
        if found:
            return form, {key: value.float() for key, value in found.items() if not _UNUSED.fullmatch(key)}
    prefixes = " nor ".join(f"{names.prefix}*" for names in _FORMS.values())
    raise MrisynthError(f"{path} has neither {prefixes}; expected a checkpoint of BiomedCLIP with its text tower.")


def _renamed(weights: Mapping[str, Tensor], names: _Names, path: Path) -> dict[str, Tensor]:
    """Return the weights by the names of our encoder; raise MrisynthError where one is missing or left over."""
    left = dict(weights)

    def take(name: str) -> Tensor:
        if name not in left:
            raise MrisynthError(f"{path} lacks {names.prefix}{name}; fetch the checkpoint of BiomedCLIP again.")
        return left.pop(name)

    state = {"words.weight": take(f"{names.words}.weight")}
    places, kinds = take(f"{names.places}.weight"), take(f"{names.kinds}.weight")
    state["places.weight"] = places + kinds[0]  # a prompt is always the first kind of sentence
    state |= {f"norm.{kind}": take(f"{names.norm}.{kind}") for kind in ("weight", "bias")}
    for layer in range(sum(key.endswith(f".{names.attention[0]}.weight") for key in weights)):
        theirs, ours = f"{names.layer}{layer}.", f"layers.{layer}."
        for kind in ("weight", "bias"):
            three = [take(f"{theirs}{part}.{kind}") for part in names.attention]
            state[f"{ours}self_attn.in_proj_{kind}"] = torch.cat(three)
            state |= {f"{ours}{part}.{kind}": take(f"{theirs}{their}.{kind}") for part, their in names.parts.items()}
    if left:
        raise MrisynthError(f"{path} has {names.prefix}{min(left)}, which a BERT does not have; use BiomedCLIP.")
    return state


def _told(folder: Path, form: str) -> dict[str, Any]:
    """Return what the configuration says of the text tower."""
    own = folder / _CONFIG
    if not own.is_file() and form == "open_clip" and (folder / _OPEN_CLIP).is_file():
        text = _json(folder / _OPEN_CLIP).get("model_cfg", {}).get("text_cfg", {})
        if "hf_model_name" not in text:
            raise MrisynthError(f"{folder / _OPEN_CLIP} names no hf_model_name; expected the one of BiomedCLIP.")
        return {}
    content = _json(own)
    told = content.get("text_config", content)
    if form == "text_model" and isinstance(told, dict):
        told = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5} | told  # what CLIP has unless it says otherwise
    if not isinstance(told, dict) or not isinstance(told.get("num_attention_heads"), int):
        raise MrisynthError(f"{own} says no num_attention_heads; expected the configuration of BiomedCLIP's text.")
    if told.get("hidden_act", "gelu") != "gelu":
        raise MrisynthError(f"{own} has the activation {told['hidden_act']!r}; expected gelu, as BiomedCLIP has.")
    return told


def _settings(state: Mapping[str, Tensor], told: Mapping[str, Any], tokens: WordPieces, path: Path) -> EncoderSettings:
    vocabulary, width = state["words.weight"].shape
    layers = sum(key.endswith("linear1.weight") for key in state)
    settings = EncoderSettings(
        vocabulary=vocabulary, length=len(state["places.weight"]), width=width, layers=layers,
        heads=told.get("num_attention_heads", max(1, width // _HEAD)),
        hidden=len(state["layers.0.linear1.weight"]) if layers else 1, pad=tokens.pad, start=tokens.start,
        end=tokens.end, norm_epsilon=float(told.get("layer_norm_eps", 1e-12)),
    )  # fmt: skip
    for key, ours in _SIZES.items():
        if told.get(key, getattr(settings, ours)) != getattr(settings, ours):
            found = getattr(settings, ours)
            raise MrisynthError(f"{path} has {key} {found}, its configuration says {told[key]}; fetch both again.")
    if len(tokens.numbers) != vocabulary:
        raise MrisynthError(
            f"{path} has embeddings of {vocabulary} tokens, {VOCABULARY} has {len(tokens.numbers)}; fetch both again."
        )
    return settings


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MrisynthError(f"{path} is missing or no JSON file; fetch it as it was published.") from error
    if not isinstance(content, dict):
        raise MrisynthError(f"{path} holds no settings; fetch it as it was published.")
    return content
