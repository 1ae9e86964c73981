"""What a folder of open_clip says of its towers, and whether it is what is done here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrisynth.errors import MrisynthError
from mrisynth.text.tokenizer import LENGTH

CONFIG = "open_clip_config.json"

_DONE = {  # section, key: what is done here, the first where nothing is said
    ("vision_cfg", "timm_pool"): ("", "token"),
    ("vision_cfg", "timm_proj"): ("linear",),
    ("text_cfg", "hf_pooler_type"): ("cls_last_hidden_state_pooler",),
    ("text_cfg", "hf_proj_type"): ("mlp",),
}


@dataclass(frozen=True, kw_only=True)
class OpenClipSettings:
    """What images and prompts are made like.

    Attributes:
        mean, deviation: of each channel, of intensities of 0 to 1.
        image_size: pixels a side; None where nothing is said.
        context_length: tokens of a prompt.
    """

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    image_size: int | None
    context_length: int


def read_settings(folder: Path) -> OpenClipSettings:
    """Read ``open_clip_config.json`` of a folder.

    Raises:
        MrisynthError: it is missing or no such file, or its towers are put together otherwise than BiomedCLIP's.
    """
    path = folder / CONFIG
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        model, images = content["model_cfg"], content["preprocess_cfg"]
        mean, deviation = (tuple(float(value) for value in images[name]) for name in ("mean", "std"))
        parts = {name: dict(model[name]) for name in ("vision_cfg", "text_cfg")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MrisynthError(
            f"{path} is missing or does not say model_cfg and preprocess_cfg ({type(error).__name__}: {error}); fetch "
            "it as it was published."
        ) from error
    if len(mean) != 3 or len(deviation) != 3 or min(deviation) <= 0:
        raise MrisynthError(
            f"{path} has the mean {mean} and std {deviation}; expected three numbers each, std above 0."
        )
    for (part, key), wanted in _DONE.items():
        if (found := parts[part].get(key, wanted[0])) not in wanted:
            raise MrisynthError(
                f"{path} has {part}.{key} {found!r}; expected {' or '.join(map(repr, wanted))}, as BiomedCLIP has."
            )
    size, length = parts["vision_cfg"].get("image_size"), parts["text_cfg"].get("context_length", LENGTH)
    _check_numbers(path, image_size=size, context_length=length)
    return OpenClipSettings(mean=mean, deviation=deviation, image_size=size, context_length=length)


def _check_numbers(path: Path, **found: Any) -> None:
    for name, value in found.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise MrisynthError(f"{path} has the {name} {value!r}; expected a whole number above 0.")
