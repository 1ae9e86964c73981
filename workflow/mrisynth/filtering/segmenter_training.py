"""The training of the filter's segmenter: real annotated images of training participants, in any contrast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from monai.losses import DiceCELoss
from torch import Tensor, nn

from mrisynth.errors import MrisynthError
from mrisynth.filtering.intensity_changes import (
    IntensityRange,
    change_intensity,
    draw_intensity,
    draw_shifts,
    shifted,
)
from mrisynth.filtering.scorers import check_asked
from mrisynth.filtering.segmenter import Segmenter, as_brightness, check_images, segmenter_network
from mrisynth.progress import Progress
from mrisynth.seeds import derive_seed


@dataclass(frozen=True, kw_only=True)
class AnnotatedImages:
    """Real images with their masks.

    Attributes:
        images: uint8 0..255 or float -1..1, [n, row, column] or [n, x, y, z]; may be memory-mapped.
        masks: whole numbers of the same shape, 0 = background, 1 = the first structure.
        participants: of each image.
        splits: of each image: ``train``, ``validation`` or ``test``.
    """

    images: np.ndarray
    masks: np.ndarray
    participants: Sequence[str]
    splits: Sequence[str]

    def rows(self, *splits: str) -> np.ndarray:
        """Return the rows of some splits."""
        return np.flatnonzero(np.isin(np.asarray(self.splits, dtype=np.str_), splits))


@dataclass(frozen=True, kw_only=True)
class SegmenterSettings:
    """How the network is made and trained: AdamW and a learning rate that rises and falls once.

    Attributes:
        width: channels of the first two levels, a multiple of 4; the next ones have 2, 4 and 8 times as many.
        steps: updates.
        batch: images an update.
        learning_rate: the highest.
        weight_decay: of AdamW.
        shift: how far images are moved with their masks, in shares of their edge. Nothing is mirrored, for left is not
            right.
        empty: share of the images that are shown empty, with an empty mask; a network that has only ever seen heads
            finds a head in nothing.
        intensity: how far their brightness is changed.
    """

    width: int = 16
    steps: int = 1000
    batch: int = 8
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    shift: float = 0.06
    empty: float = 0.05
    intensity: IntensityRange = field(default_factory=IntensityRange)


def train_segmenter(
    annotated: AnnotatedImages,
    structures: Sequence[str],
    *,
    seed: int,
    settings: SegmenterSettings | None = None,
    device: str = "cpu",
) -> Segmenter:
    """Return a network that finds structures in images, trained on the rows whose split is ``train``.

    The loss is Dice over the structures of a batch plus cross-entropy. No other row is read, so that held-out people
    can say what thresholds mean. On one CPU with the same number of threads a seed gives the same network.

    Args:
        annotated: real images of one or more domains that have annotations.
        structures: names of the classes of the masks.
        seed: the study's seed.
        settings: None takes the defaults.
        device: ``cpu`` or ``cuda``.

    Raises:
        MrisynthError: the arrays do not belong together, there is no training image, a participant is in two splits,
            a structure is in no training image, or the training diverges.
    """
    settings = settings or SegmenterSettings()
    rows = _training_rows(annotated, structures)
    dimensions, own = annotated.images.ndim - 1, derive_seed(seed, "segmenter of the filter")
    with torch.random.fork_rng(devices=[]), torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        torch.manual_seed(own)
        network = segmenter_network(len(structures), dimensions=dimensions, width=settings.width).to(device).train()
        last = _train(network, annotated, rows, settings, seed=own, device=device)
    facts = {
        "settings": asdict(settings), "seed": seed, "images": len(rows), "last_loss": last,
        "participants": len({annotated.participants[row] for row in rows}),
    }  # fmt: skip
    return Segmenter(
        network=network.eval().requires_grad_(requires_grad=False), structures=tuple(structures),
        dimensions=dimensions, facts=facts, device=device,
    )  # fmt: skip


def _train(
    network: nn.Module, annotated: AnnotatedImages, rows: np.ndarray, settings: SegmenterSettings, *, seed: int,
    device: str,
) -> float:  # fmt: skip
    """Train the network in place and return the mean loss of the last tenth of the updates."""
    generator, criterion = torch.Generator().manual_seed(seed), _loss()
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=settings.learning_rate, total_steps=settings.steps)
    progress, losses, order = Progress("segmenter of the filter", settings.steps), [], torch.empty(0, dtype=torch.long)
    for _ in range(settings.steps):
        while len(order) < settings.batch:
            order = torch.cat([order, torch.randperm(len(rows), generator=generator)])
        chosen, order = rows[order[: settings.batch].numpy()], order[settings.batch :]
        images, masks = _changed(annotated, chosen, settings, generator=generator)
        loss = criterion(network(images.to(device)), masks.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if not np.isfinite(losses[-1]):
            raise MrisynthError("The training of the filter's segmenter diverged; choose a lower learning rate.")
        progress.advance(note=f"loss {losses[-1]:.3f}")
    return float(np.mean(losses[-max(settings.steps // 10, 1) :]))


def _changed(
    annotated: AnnotatedImages, rows: np.ndarray, settings: SegmenterSettings, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    images, masks = (
        as_brightness(annotated.images, rows),
        torch.from_numpy(np.array(annotated.masks[rows]))[:, None].float(),
    )
    shown = (torch.rand(len(rows), generator=generator) >= settings.empty).float().view(-1, *[1] * (images.dim() - 1))
    images, masks = images * shown, masks * shown
    shifts = draw_shifts(len(rows), edges=tuple(images.shape[2:]), most=settings.shift, generator=generator)
    draw = draw_intensity(settings.intensity, tuple(images.shape), generator=generator)
    return change_intensity(shifted(images, shifts), draw), shifted(masks, shifts)


def _loss() -> nn.Module:
    return DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)


def _training_rows(annotated: AnnotatedImages, structures: Sequence[str]) -> np.ndarray:
    check_asked(annotated.images, annotated.masks, structures)
    check_images(annotated.images, dimensions=annotated.images.ndim - 1)
    if not len(annotated.images) == len(annotated.participants) == len(annotated.splits):
        raise MrisynthError(
            f"Found {len(annotated.images)} images, {len(annotated.participants)} participants and "
            f"{len(annotated.splits)} splits; expected one of each for every image."
        )
    of: dict[str, str] = {}
    for person, split in zip(annotated.participants, annotated.splits, strict=True):
        if of.setdefault(person, split) != split:
            raise MrisynthError(f"{person} is in the splits {of[person]} and {split}; split by participant.")
    rows = annotated.rows("train")
    if not len(rows):
        raise MrisynthError("No annotated image is of the split train; the segmenter of the filter has no teacher.")
    missing = set(range(1, len(structures) + 1)) - {int(one) for row in rows for one in np.unique(annotated.masks[row])}
    if missing:
        name = structures[min(missing) - 1]
        raise MrisynthError(f"{name} is in no annotated training image, so that nothing can learn it; leave it out.")
    return rows
