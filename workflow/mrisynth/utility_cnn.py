"""A small 3D network trained on volumes themselves: the check that utility is no matter of the frozen features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.conditions import Condition
from mrisynth.embeddings import Embeddings
from mrisynth.labelled_sets import labelled_sets
from mrisynth.metrics.labelled import LabelledSet
from mrisynth.metrics.utility import ARMS, Draw, Task, plan_utility
from mrisynth.prediction_tables import COLUMNS, table_of_predictions
from mrisynth.progress import Progress
from mrisynth.scans_table import scans_in_split
from mrisynth.seeds import derive_seed
from mrisynth.store import Pyramid, to_unit

EDGE = 32
"""Volumes are averaged to this edge, in voxels."""

_BATCH = 16
_LEARNING_RATE = 2e-3


class SmallNetwork(nn.Module):
    """Three strided convolutions with batch norms and a linear layer over all places; 20 thousand weights.

    Takes [n, 1, 32, 32, 32] in [-1, 1] and returns [n, outputs]. Norms of single images (group norms) would hide how
    large and how bright a brain is.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((1, 8), (8, 16), (16, 32)):
            layers += [nn.Conv3d(before, after, 3, stride=2, padding=1), nn.BatchNorm3d(after), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * (EDGE // 8) ** 3, outputs))

    def forward(self, volumes: Tensor) -> Tensor:
        """Return the outputs; see the class."""
        return self.head(self.convolutions(volumes))


@dataclass(frozen=True)
class Volumes:
    """Volumes of the three sets, uint8 [n, s, s, s], in the order of their rows."""

    train: np.ndarray
    samples: np.ndarray
    test: np.ndarray


def network_predictions(
    task: Task,
    draws: Sequence[Draw],
    volumes: Volumes,
    *,
    train: LabelledSet,
    samples: LabelledSet,
    test_rows: np.ndarray,
    epochs: int,
    seed: int,
    device: str,
) -> dict[str, np.ndarray]:
    """Train a network for each arm and repetition and return what it predicts of the test scans.

    Classes by cross-entropy in which every class counts alike, ages by squared error in standard deviations of the
    training ages. AdamW, a learning rate that rises and falls once; every volume is mirrored or not by chance. On one
    device with the same number of threads the same seed gives the same predictions.

    Args:
        task: what is predicted.
        draws: rows of each repetition.
        volumes: of the three sets.
        train, samples: labels of the two sets that are trained on.
        test_rows: rows of ``volumes.test`` to predict.
        epochs: times that every scan is shown.
        seed: the study's seed.
        device: ``cpu`` or ``cuda``.

    Returns:
        arm -> [repeats, test rows, classes] probabilities or [repeats, test rows, 1] years.
    """
    small = {name: _shrunk(getattr(volumes, name)) for name in ("train", "samples", "test")}
    progress = Progress(f"small network: {task.name}", len(ARMS) * len(draws))
    found: dict[str, list[np.ndarray]] = {arm: [] for arm in ARMS}
    for number, draw in enumerate(draws):
        for arm in ARMS:
            real, synthetic = draw.of(arm)
            inputs = torch.cat([small["train"][real], small["samples"][synthetic]])
            truth = torch.from_numpy(draw.labels(task, arm, train=train, samples=samples))
            own = derive_seed(seed, "utility network", task.name, arm, number)
            tested = small["test"][test_rows]
            found[arm].append(
                _train_and_predict(inputs, truth, tested, len(task.classes), epochs=epochs, seed=own, device=device)
            )
            progress.advance()
    return {arm: np.stack(predictions) for arm, predictions in found.items()}


def network_table(
    packed: Pyramid,
    drawn: np.ndarray,
    *,
    scans: pd.DataFrame,
    condition: Condition,
    asked: Sequence[int],
    settings: Mapping[str, Any],
    seed: int,
    device: str,
) -> pd.DataFrame:
    """Return the predictions of small networks, as :mod:`mrisynth.prediction_tables` keeps them.

    Only of targets that the samples know: with nothing to compare no network is trained.

    Args:
        packed: the real scans at the model's size.
        drawn: uint8 [sample, x, y, z], the samples in the order of ``asked``.
        scans: the scans table.
        condition: the condition of the model.
        asked: label of each sample.
        settings: ``evaluation.utility``.
        seed: the study's seed.
        device: ``cpu`` or ``cuda``.
    """
    names = [f"sample-{row}" for row in range(len(drawn))]
    real, samples = (Embeddings(np.zeros((len(ids), 1), np.float32), ids, {}) for ids in (packed.scans, names))
    sets = labelled_sets(real, samples, scans=scans, condition=condition, asked=asked, targets=settings["targets"])
    ids = {split: scans_in_split(scans, packed.scans, split) for split in ("train", "test")}
    train, test = (packed.images[packed.rows(ids[split])] for split in ("train", "test"))
    chosen = {key: settings[key] for key in ("equal_numbers", "repeats")}
    tables = [pd.DataFrame(columns=COLUMNS)]
    for task, draws in plan_utility(settings["targets"], **sets, **chosen, seed=seed):
        if task.problem or task.missing:
            continue
        predictions = network_predictions(
            task, draws, Volumes(train, drawn, test), train=sets["train"], samples=sets["samples"],
            test_rows=task.test, epochs=settings["epochs"], seed=seed, device=device,
        )  # fmt: skip
        tables.append(table_of_predictions(task, predictions, [ids["test"][row] for row in task.test]))
    full = [table for table in tables if len(table)]
    return pd.concat(full, ignore_index=True) if full else tables[0]


def _shrunk(volumes: np.ndarray) -> Tensor:
    """Return volumes as float32 [n, 1, 32, 32, 32] in [-1, 1], averaged over cubes of voxels."""
    parts = [torch.empty(0, 1, EDGE, EDGE, EDGE)]
    for volume in volumes:
        one = to_unit(torch.from_numpy(np.array(volume)))[None, None]
        parts.append(functional.adaptive_avg_pool3d(one, EDGE))
    return torch.cat(parts)


def _train_and_predict(
    inputs: Tensor, truth: Tensor, tested: Tensor, classes: int, *, epochs: int, seed: int, device: str
) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        torch.manual_seed(seed)
        network = SmallNetwork(classes or 1).to(device)
        middle, spread = (truth.double().mean(), truth.double().std().clamp(min=1e-6)) if not classes else (0.0, 1.0)
        weights = None
        if classes:
            counts = torch.bincount(truth, minlength=classes).clamp(min=1)
            weights = (len(truth) / (classes * counts)).float().to(device)
        optimiser = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=1e-2)
        steps = epochs * -(-len(inputs) // _BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=_LEARNING_RATE, total_steps=steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(inputs), generator=generator).split(_BATCH):
                outputs = network(_mirrored(inputs[rows], generator).to(device))
                if classes:
                    loss = functional.cross_entropy(outputs, truth[rows].to(device), weight=weights)
                else:
                    wanted = ((truth[rows] - middle) / spread).float().to(device)
                    loss = functional.mse_loss(outputs[:, 0], wanted)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
        network.eval()
        with torch.inference_mode():
            outputs = torch.cat([network(part.to(device)).double().cpu() for part in tested.split(_BATCH)])
    return (outputs.softmax(dim=1) if classes else outputs * spread + middle).numpy()


def _mirrored(volumes: Tensor, generator: torch.Generator) -> Tensor:
    """Return volumes [n, 1, x, y, z], each mirrored along x or not."""
    mirror = torch.rand(len(volumes), 1, 1, 1, 1, generator=generator) < 0.5
    return torch.where(mirror, volumes.flip(2), volumes)
