"""BiomedCLIP's images and prompts in its one space, from a local folder: nothing is downloaded, and no code is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mrisynth.colour import in_colour
from mrisynth.errors import MrisynthError
from mrisynth.networks.vision_encoder import VisionEncoder, VisionSettings
from mrisynth.planes import PLANES, plane
from mrisynth.progress import track
from mrisynth.text.biomedclip import BiomedClip, load_biomedclip
from mrisynth.text.biomedclip_files import weights_file
from mrisynth.text.open_clip_settings import OpenClipSettings, read_settings
from mrisynth.weights_file import read_published

_HEAD = 64  # width of a head of every ViT up to the large one
_TRUNK, _IMAGE_HEAD = "visual.trunk.", "visual.head.proj.weight"
_TEXT_HEADS = ("text.proj.0.weight", "text.proj.2.weight")
_OTHERS = re.compile(r"text\.transformer\..*|logit_(scale|bias)")
_PARTS = {
    "norm1": "norm1", "attn.proj": "self_attn.out_proj", "norm2": "norm2", "mlp.fc1": "linear1", "mlp.fc2": "linear2",
}  # fmt: skip
_TOGETHER = 32


class NoImageTowerError(MrisynthError):
    """The folder has a text tower alone, or is of another form."""


@dataclass(frozen=True, kw_only=True)
class BiomedClipSpace:
    """The space of BiomedCLIP, frozen.

    Attributes:
        text: its text tower.
        tower: its image tower, to a vector.
        image_head: [width, features], the linear map of this vector.
        text_heads: the two linear maps of a prompt's vector, with a GELU between them.
        settings: what images are made like.
        device: where it runs.
    """

    text: BiomedClip
    tower: VisionEncoder
    image_head: Tensor
    text_heads: tuple[Tensor, Tensor]
    settings: OpenClipSettings
    device: str = "cpu"

    @torch.inference_mode()
    def of_images(self, images: Iterable[np.ndarray], *, count: int) -> np.ndarray:
        """Return float32 [n, features].

        A slice is resized to the edge of the tower, and a grey one repeated to three channels. Of a volume it is the
        mean of its central axial, coronal and sagittal plane, each of length 1.

        Args:
            images: uint8 slices [row, column] or [row, column, 3], or volumes [x, y, z], 255 the top of the range.
            count: how many, for the progress line.
        """
        found = []
        for image in track(images, "images as BiomedCLIP sees them", count):
            planes = [plane(image, name) for name in PLANES] if _is_volume(image) else [image]
            pixels = torch.cat([self.pixels(one) for one in planes]).to(self.device)
            vectors = functional.normalize(self.tower(pixels) @ self.image_head.T, dim=1)
            found.append(vectors.mean(dim=0).float().cpu().numpy())
        return np.stack(found) if found else np.empty((0, len(self.image_head)), dtype=np.float32)

    def pixels(self, image: np.ndarray) -> Tensor:
        """Return a slice as the tower takes it, float32 [1, 3, edge, edge]."""
        unit = torch.from_numpy(np.array(image, dtype=np.float32)) / 255
        channels = unit.movedim(-1, 0) if unit.ndim == 3 else unit.expand(3, *unit.shape)
        edge = self.tower.settings.edge
        at_edge = functional.interpolate(
            channels[None], size=(edge, edge), mode="bicubic", align_corners=False, antialias=True
        ).clamp(0, 1)
        mean, spread = (torch.tensor(one).view(1, 3, 1, 1) for one in (self.settings.mean, self.settings.deviation))
        return (at_edge - mean) / spread

    @torch.inference_mode()
    def of_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        """Return float32 [n, features], of the first token's vector."""
        tokens = torch.from_numpy(self.text.tokenizer.encode(list(prompts)).ids).to(self.device)
        tokens = tokens[:, : int((tokens != self.text.tokenizer.pad).sum(dim=1).max())]  # padding is not attended to
        first = torch.cat([self.text.encoder(some)[:, 0] for some in tokens.split(_TOGETHER)])
        inner, outer = self.text_heads
        return (functional.gelu(first @ inner.T) @ outer.T).float().cpu().numpy()


def load_biomedclip_space(folder: str | Path, *, device: str = "cpu") -> BiomedClipSpace:
    """Return both towers of a folder in open_clip's form (Zhang et al. 2023, arXiv 2303.00915).

    The image tower is a ViT with the names of timm, as plain torch; sizes are those of the weights, heads are 64 wide.
    ``open_clip_config.json`` says what images are made like, and has to agree with what is done here.

    Args:
        folder: as :func:`mrisynth.text.biomedclip.load_biomedclip` reads it, with ``open_clip_config.json``.
        device: where it runs.

    Raises:
        NoImageTowerError: it has no ``visual.*``, as a folder in MRGen's form.
        MrisynthError: a file is missing or not what it should be, weights are missing or left over.
    """
    folder = Path(folder)
    path = weights_file(folder)
    state = {name: value.float() for name, value in read_published(path).items()}
    if not any(name.startswith("visual.") for name in state):
        raise NoImageTowerError(
            f"{path} has no visual.*, the image tower of BiomedCLIP; expected a checkpoint as open_clip publishes it "
            "(open_clip_model.safetensors or open_clip_pytorch_model.bin with open_clip_config.json): put it there."
        )
    heads = {name: _taken(state, name, path) for name in (_IMAGE_HEAD, *_TEXT_HEADS)}
    trunk = {name[len(_TRUNK) :]: state.pop(name) for name in list(state) if name.startswith(_TRUNK)}
    if left := sorted(name for name in state if not _OTHERS.fullmatch(name)):
        raise MrisynthError(f"{path} has {left[0]}, which BiomedCLIP does not have; use its published checkpoint.")
    settings = read_settings(path.parent)
    tower = _tower(trunk, settings, path)
    text = load_biomedclip(folder, length=settings.context_length)
    widths = (tower.settings.width, text.encoder.width, len(heads[_TEXT_HEADS[0]]), len(heads[_TEXT_HEADS[1]]))
    found = (*(heads[name].shape[1:] for name in (_IMAGE_HEAD, *_TEXT_HEADS)), heads[_IMAGE_HEAD].shape[:1])
    if found != tuple((width,) for width in widths):
        raise MrisynthError(f"{path}: the linear maps of images and prompts do not end in one space; fetch it again.")
    text.encoder.to(device)
    return BiomedClipSpace(
        text=text, tower=tower.to(device), image_head=heads[_IMAGE_HEAD].to(device), settings=settings, device=device,
        text_heads=tuple(heads[name].to(device) for name in _TEXT_HEADS),
    )  # fmt: skip


def _tower(trunk: Mapping[str, Tensor], settings: OpenClipSettings, path: Path) -> VisionEncoder:
    """Return the image tower of weights by timm's names; raise MrisynthError where one is missing or left over."""
    left = dict(trunk)

    def take(name: str) -> Tensor:
        return _taken(left, name, path, prefix=_TRUNK)

    patches, places = take("patch_embed.proj.weight"), take("pos_embed")
    state: dict[str, Any] = {"patches.weight": patches, "places": places, "start": take("cls_token")}
    state["patches.bias"] = take("patch_embed.proj.bias")
    state |= {f"norm.{kind}": take(f"norm.{kind}") for kind in ("weight", "bias")}
    layers = sum(name.endswith(".attn.qkv.weight") for name in trunk)
    for layer in range(layers):
        theirs, ours = f"blocks.{layer}.", f"layers.{layer}."
        for kind in ("weight", "bias"):
            state[f"{ours}self_attn.in_proj_{kind}"] = take(f"{theirs}attn.qkv.{kind}")
            state |= {f"{ours}{part}.{kind}": take(f"{theirs}{their}.{kind}") for their, part in _PARTS.items()}
    if left:
        raise MrisynthError(f"{path} has {_TRUNK}{min(left)}, which a ViT does not have; use BiomedCLIP.")
    try:
        width, _, patch, _ = patches.shape
        hidden = len(state["layers.0.linear1.weight"]) if layers else 1
        sizes = VisionSettings(
            edge=isqrt(places.shape[1] - 1) * patch, patch=patch, width=width, layers=layers, hidden=hidden,
            heads=max(1, width // _HEAD),
        )  # fmt: skip
        with torch.device("meta"):  # no weight is drawn only to be replaced
            tower = VisionEncoder(sizes)
        tower.load_state_dict(state, assign=True)
    except (RuntimeError, IndexError, ValueError, AssertionError) as error:  # shapes that are not ours
        first = str(error).splitlines()[-1].strip()
        raise MrisynthError(f"{path}: these are not the weights of a ViT ({first}); fetch it again.") from None
    if settings.image_size is not None and settings.image_size != sizes.edge:
        raise MrisynthError(
            f"{path} sees images of {sizes.edge} pixels, its configuration says {settings.image_size}; fetch both "
            "again."
        )
    return tower.eval().requires_grad_(requires_grad=False)


def _taken(weights: dict[str, Tensor], name: str, path: Path, *, prefix: str = "") -> Tensor:
    if name not in weights:
        raise MrisynthError(f"{path} lacks {prefix}{name}; fetch the checkpoint of BiomedCLIP again.")
    return weights.pop(name)


def _is_volume(image: np.ndarray) -> bool:
    return image.ndim == 3 and not in_colour(image.shape)
