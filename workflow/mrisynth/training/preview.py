"""Fixed-seed samples of a generator in training, and the grid that shows them beside real scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from mrisynth.colour import in_colour
from mrisynth.models.interface import Family
from mrisynth.planes import plane
from mrisynth.recipes import ModelRecipe
from mrisynth.seeds import derive_seed
from mrisynth.training.precision import computing_in

SAMPLES = 8
REALS_SHOWN = 2

_ROWS = ("sagittal", "coronal", "axial")
_TILE = 128  # pixels: smaller volumes are enlarged by a whole number
_LARGE = 100  # voxels a side from which two samples at once take much memory
_HEADER, _CAPTION, _GAP = 30, 20, 10  # heights and width, pixels
_TITLE, _SMALL = 16, 12  # font sizes, pixels
_PAPER, _INK, _FAINT, _NIGHT = 255, 30, 105, 0


def preview_samples(
    network: nn.Module, family: Family, recipe: ModelRecipe, *, classes: int, seed: int, asked: np.ndarray | None = None
) -> tuple[np.ndarray, list[int]]:
    """Draw the same eight latents through a generator, and leave it and every random state as they were.

    Args:
        network: the generator, or its moving average, on any device and in any mode.
        classes: with a condition the samples take its classes in turn; 0 without one.
        seed: the study's seed; latents depend on it and on the model's name.
        asked: of a condition of covariates or of text what the samples are told, rows [8, columns], the number of the
            source or of the one class first; else None.

    Returns:
        float32 [8, x, y, z], [8, row, column] or [8, row, column, channel] in [-1, 1], and the eight numbers of their
        classes or sources, -1 without a condition.
    """
    preview_seed = derive_seed(seed, "preview", recipe.name)
    generator = torch.Generator().manual_seed(preview_seed)
    latents = torch.randn(SAMPLES, *family.latent_shape(recipe), generator=generator)
    labels = torch.arange(SAMPLES) % classes if classes else torch.full((SAMPLES,), -1)
    labels = labels if asked is None else torch.from_numpy(asked).float()
    device = next(network.parameters()).device
    at_once = 1 if recipe.size >= _LARGE else 2
    found = []
    with torch.inference_mode(), _in_eval_mode(network), _random_state_of_its_own(device, preview_seed):
        for start in range(0, SAMPLES, at_once):
            part = slice(start, start + at_once)
            here = latents[part].to(device)
            with computing_in(recipe.precision, here):
                volumes, _ = family.sample(network, here, labels[part].to(device))
            packed = volumes.movedim(1, -1) if recipe.channels > 1 else volumes[:, 0]
            found.append(packed.float().cpu().numpy())
    return np.concatenate(found), (labels if asked is None else labels[:, 0].long()).tolist()


def preview_grid(samples: np.ndarray, reals: np.ndarray, *, title: str, labels: Sequence[int]) -> Image.Image:
    """Return a picture: for each sample, then for two real scans, the slice, or a column of a volume's slices.

    It is grey, or in colour where the slices are. The column shows sagittal, coronal and axial slices from the top.

    Left of the brain is left. Black is -1 and below, white 1 and above; a voxel that is no number is white.

    Args:
        samples: float [sample, x, y, z], [sample, row, column] or [sample, row, column, channel] in [-1, 1].
        reals: the same of real scans.
        title: words above the samples.
        labels: class number of each sample, -1 without a condition; shown above its column.
    """
    enlarged = max(1, round(_TILE / samples.shape[1]))
    edge = samples.shape[1] * enlarged
    shown = [_column(volume, enlarged) for volume in [*samples, *reals[:REALS_SHOWN]]]
    lefts = [place * edge + (_GAP if place >= len(samples) else 0) for place in range(len(shown))]
    captions = any(label >= 0 for label in labels)
    top = _HEADER + (_CAPTION if captions else 0)
    picture = Image.new("L", (lefts[-1] + edge, top + shown[0].height), _PAPER)
    write = ImageDraw.Draw(picture)
    write.text((6, 5), title, fill=_INK, font=ImageFont.load_default(_TITLE))
    if len(shown) > len(samples):
        write.text((lefts[len(samples)] + 6, 5), "real scans", fill=_INK, font=ImageFont.load_default(_TITLE))
    for left, label in zip(lefts, labels if captions else (), strict=False):
        write.text((left + 6, _HEADER), f"class {label}", fill=_FAINT, font=ImageFont.load_default(_SMALL))
    picture = picture.convert(shown[0].mode)
    for left, column in zip(lefts, shown, strict=True):
        picture.paste(column, (left, top))
    return picture


def png_bytes(picture: Image.Image) -> bytes:
    """Return a picture as the bytes of a PNG file."""
    stream = BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _column(volume: np.ndarray, enlarged: int) -> Image.Image:
    slices = (
        volume
        if volume.ndim == 2 or in_colour(volume.shape)
        else np.concatenate([plane(volume, name) for name in _ROWS])
    )
    slices = slices.astype(np.float32)
    shades = np.clip(np.nan_to_num((slices + 1) * 127.5, nan=255.0), 0, 255).round().astype(np.uint8)
    image = Image.fromarray(shades)
    return image.resize((image.width * enlarged, image.height * enlarged), Image.Resampling.BICUBIC)


@contextmanager
def _in_eval_mode(network: nn.Module) -> Iterator[None]:
    """Turn off what only training does, and give every module its own mode back."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def _random_state_of_its_own(device: torch.device, seed: int) -> Iterator[None]:
    """Seed the random states that a generator may draw from, and put the old ones back."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for used in cuda:
            with torch.cuda.device(used):
                torch.cuda.manual_seed(seed)
        yield
