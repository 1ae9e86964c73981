"""Training of a cohort encoder: targets of the training scans, and telling augmented copies apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.embedding.targets import Target
from mrisynth.errors import MrisynthError
from mrisynth.networks.cohort_encoder import CohortEncoder
from mrisynth.progress import Progress
from mrisynth.seeds import derive_seed
from mrisynth.training.augmentation import AugmentationRange, augment, draw_augmentation

FEWEST_SCANS = 4
_RANGES = AugmentationRange(shift=0.04, rotation_deg=8.0, scale=0.05, gamma=0.2, flip=False)
_TEMPERATURE = 0.2
_PROJECTED = 64
_DROPPED = 0.5  # share of the features that a head does not see in an update
_WEIGHT_DECAY = 0.05
_LONGEST_GRADIENT = 5.0


@dataclass(frozen=True, kw_only=True)
class EncoderRecipe:
    """How a cohort encoder is made.

    Attributes:
        size: edge of the volumes.
        edge: edge of the largest grid that is looked at.
        width: channels of the last level.
        epochs: how often every training scan is seen.
        batch_size: scans of one update; each is seen as two augmented copies.
        learning_rate: largest one; it rises over a tenth of the training and falls as a cosine.
        contrastive_weight: weight of telling copies apart; every target weighs 1.
        seed: of weights, order and augmentation.
    """

    size: int
    edge: int = 64
    width: int = 64
    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 1e-3
    contrastive_weight: float = 1.0
    seed: int = 0


class EncoderWithHeads(nn.Module):
    """A cohort encoder with a linear head for each target and a projection for telling copies apart."""

    def __init__(self, encoder: CohortEncoder, targets: Sequence[Target]) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(nn.Linear(encoder.features, target.outputs) for target in targets)
        hidden = nn.Linear(encoder.features, encoder.features)
        self.projection = nn.Sequential(hidden, nn.SiLU(), nn.Linear(encoder.features, _PROJECTED))


@dataclass(frozen=True)
class TrainedEncoder:
    """What a training gives.

    Attributes:
        network: the encoder and its heads, on the CPU.
        curve: one row an epoch: epoch, learning_rate, loss, contrastive, copies_told_apart (share of copies whose
            likeliest partner is the right one) and ``loss {target}``.
    """

    network: EncoderWithHeads
    curve: pd.DataFrame


def train_encoder(
    images: np.ndarray, targets: Sequence[Target], *, training: np.ndarray, recipe: EncoderRecipe, device: str = "cpu"
) -> TrainedEncoder:
    """Train an encoder on some scans; no other row of ``images`` is read.

    The loss is the sum over targets of the smooth absolute error (standardised numbers) or the cross entropy
    (categories) where a value is known, and of the InfoNCE loss between two augmented copies of every scan (Chen et
    al. 2020, SimCLR, equation 1). On a CPU the same seed and number of threads give the same weights.

    Args:
        images: uint8 [scan, size, size, size]; may be memory-mapped.
        targets: with one value for every row of ``images``.
        training: int64, the rows to learn from.
        recipe: how.
        device: where.

    Raises:
        MrisynthError: fewer than 4 scans, or the loss is no longer a number.
    """
    if len(training) < FEWEST_SCANS:
        raise MrisynthError(
            f"A cohort encoder needs {FEWEST_SCANS} training scans or more, found {len(training)}; use other features."
        )
    network = _first_network(targets, recipe).to(device)
    volumes = shrunk_volumes(images, training, encoder=network.encoder)
    wanted = [torch.from_numpy(_standardised(target)[training]).float() for target in targets]
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=_WEIGHT_DECAY)
    generator = torch.Generator().manual_seed(derive_seed(recipe.seed, "cohort encoder", "training", recipe.size))
    progress, rows = Progress(f"train encoder at {recipe.size}", recipe.epochs), []
    for epoch in range(recipe.epochs):
        rate = _rate(epoch / recipe.epochs) * recipe.learning_rate
        for group in optimiser.param_groups:
            group["lr"] = rate
        losses = []
        for batch in _batches(len(training), recipe.batch_size, generator):
            known = [values[batch] for values in wanted]
            named = _losses_of_copies(network, volumes[batch], known, targets, generator=generator)
            losses.append(_update(network, optimiser, named, targets, recipe))
        rows.append({"epoch": epoch + 1, "learning_rate": rate} | _mean(losses))
        progress.advance(note=f"loss {rows[-1]['loss']:.3f}")
    return TrainedEncoder(network.cpu().eval().requires_grad_(requires_grad=False), pd.DataFrame(rows))


def shrunk_volumes(images: np.ndarray, rows: np.ndarray, *, encoder: CohortEncoder) -> Tensor:
    """Return the volumes of some rows on the encoder's grid, float32 [n, 1, edge, edge, edge] in [0, 1]."""
    volumes = [torch.from_numpy(np.array(images[row]))[None, None].float() / 255 for row in rows]
    return torch.cat([encoder.shrunk(volume) for volume in volumes])


def _first_network(targets: Sequence[Target], recipe: EncoderRecipe) -> EncoderWithHeads:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(recipe.seed, "cohort encoder", "weights", recipe.size))
        return EncoderWithHeads(CohortEncoder(recipe.size, edge=recipe.edge, width=recipe.width), targets)


def _standardised(target: Target) -> np.ndarray:
    return (target.values - target.mean) / target.deviation if target.kind == "number" else target.values


def _rate(done: float) -> float:
    return min(1.0, 10 * (done + 0.01)) * 0.5 * (1 + math.cos(math.pi * done))


def _batches(count: int, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Return the scans of an epoch in a new order, in batches of nearly equal size."""
    order = torch.randperm(count, generator=generator)
    return [*order.tensor_split(math.ceil(count / batch_size))]


def _copy(volumes: Tensor, generator: torch.Generator) -> Tensor:
    draw = draw_augmentation(_RANGES, len(volumes), strength=1.0, generator=generator)
    return (augment(2 * volumes - 1, draw) + 1) / 2


def _losses_of_copies(
    network: EncoderWithHeads,
    volumes: Tensor,
    known: Sequence[Tensor],
    targets: Sequence[Target],
    *,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return the losses of two augmented copies of every volume; heads see a part of the features, drawn anew."""
    device = next(network.parameters()).device
    pair = torch.cat([_copy(volumes, generator) for _ in range(2)]).to(device)
    kept = (torch.rand(len(pair), network.encoder.features, generator=generator) >= _DROPPED).to(device)
    return _losses(network, pair, kept, [values.repeat(2).to(device) for values in known], targets)


def _losses(
    network: EncoderWithHeads, pair: Tensor, kept: Tensor, wanted: Sequence[Tensor], targets: Sequence[Target]
) -> dict[str, Tensor]:
    features = network.encoder(pair)
    losses = {}
    for target, head, values in zip(targets, network.heads, wanted, strict=True):
        said, known = head(features * kept / (1 - _DROPPED)), ~values.isnan()
        if not known.any():
            continue
        if target.kind == "number":
            losses[target.name] = functional.smooth_l1_loss(said[known, 0], values[known])
        else:
            losses[target.name] = functional.cross_entropy(said[known], values[known].long())
    losses["contrastive"], losses["copies_told_apart"] = _copies(network.projection(features))
    return losses


def _copies(projected: Tensor) -> tuple[Tensor, Tensor]:
    """Return the InfoNCE loss of [2 n, width], the copies of a scan n rows apart, and the share told apart."""
    unit = functional.normalize(projected, dim=1)
    likeness = (unit @ unit.T / _TEMPERATURE).fill_diagonal_(-torch.inf)
    partner = torch.arange(len(unit), device=unit.device).roll(len(unit) // 2)
    return functional.cross_entropy(likeness, partner), (likeness.argmax(dim=1) == partner).float().mean().detach()


def _update(
    network: EncoderWithHeads,
    optimiser: torch.optim.Optimizer,
    losses: dict[str, Tensor],
    targets: Sequence[Target],
    recipe: EncoderRecipe,
) -> dict[str, float]:
    weights = {target.name: target.weight for target in targets} | {"contrastive": recipe.contrastive_weight}
    loss = sum((weight * losses[name] for name, weight in weights.items() if name in losses), torch.zeros(()))
    if not torch.isfinite(loss):
        raise MrisynthError("The loss of the cohort encoder is no longer a number; lower its learning_rate.")
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), _LONGEST_GRADIENT)
    optimiser.step()
    return {"loss": loss.item()} | {name: value.item() for name, value in losses.items()}


def _mean(losses: Sequence[dict[str, float]]) -> dict[str, float]:
    own = ("loss", "contrastive", "copies_told_apart")
    means = pd.DataFrame(losses).mean().to_dict()
    return {name if name in own else f"loss {name}": float(value) for name, value in means.items()}
