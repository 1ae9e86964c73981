"""Networks trained on real slices alone that measure covariates in any slice."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mrisynth.covariate_targets import Targets
from mrisynth.covariates.kinds import Covariate, checked_table
from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, sha256_of, write_json
from mrisynth.networks.covariate_regressor import CovariateRegressor, shifted
from mrisynth.progress import Progress
from mrisynth.seeds import derive_seed
from mrisynth.weights_file import fill, read_trained

WEIGHTS, FACTS = "regressor.safetensors", "regressor.json"
FORMAT = 1

_TOGETHER = 64


@dataclass(frozen=True, kw_only=True)
class LabelledSlices:
    """Real slices and what is known of them.

    Attributes:
        images: uint8 [n, row, column].
        values: float [n, covariates] in real units, NaN = unknown.
        participants: of each slice.
    """

    images: np.ndarray
    values: np.ndarray
    participants: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class RegressorSettings:
    """How the networks are trained: AdamW and a learning rate that rises and falls once.

    Attributes:
        members: networks, of different seeds; their answers are averaged.
        epochs: times that every slice is shown, at most.
        patience: epochs without a better validation loss after which a member stops.
        batch: slices a step.
        learning_rate, weight_decay, dropout, width: as they are called.
        shift: how far slices are moved by chance, in shares of their edge. Nothing is scaled, turned or mirrored, which
            would change the covariates.
    """

    members: int = 4
    epochs: int = 20
    patience: int = 10
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    dropout: float = 0.3
    width: int = 16
    shift: float = 1 / 64


@dataclass(frozen=True, kw_only=True)
class Regressor:
    """Trained networks and all that their use needs; made by :func:`train_regressor` or :meth:`load`.

    Attributes:
        networks: the members, ready for use.
        targets: what their outputs mean.
        size: edge of the slices in pixels.
        brightness: mean and standard deviation of the training slices, 0..1.
        facts: of the training, as written to ``regressor.json``.
        device: where it runs.
    """

    networks: Sequence[nn.Module]
    targets: Targets
    size: int
    brightness: tuple[float, float]
    facts: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"

    @torch.inference_mode()
    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the covariates of slices, float64 [n, covariates] in real units.

        Of binary covariates the probability of 1 (as if both were equally common), of categorical ones the number of
        the category. The answer for a slice depends on no other.

        Args:
            images: uint8 [n, row, column], of the size of the training; may be memory-mapped.

        Raises:
            MrisynthError: the images have another shape or type.
        """
        _check_images(images, self.size)
        outputs: list[list[Tensor]] = [[] for _ in self.networks]
        for start in range(0, len(images), _TOGETHER):
            shown = self.shown(torch.from_numpy(np.array(images[start : start + _TOGETHER])))
            for mine, network in zip(outputs, self.networks, strict=True):
                mine.append(network(shown).cpu())
        if not len(images):
            return np.empty((0, len(self.targets.covariates)))
        return self.targets.answers([torch.cat(mine) for mine in outputs])

    def shown(self, images: Tensor) -> Tensor:
        """Return uint8 slices [n, row, column] as the networks take them."""
        middle, spread = self.brightness
        return (images[:, None].to(self.device).float() / 255.0 - middle) / spread

    def save(self, folder: str | Path) -> None:
        """Write ``regressor.safetensors`` and ``regressor.json`` into a folder."""
        folder = Path(folder)
        state = {
            f"member{number}.{name}": value.detach().cpu().contiguous()
            for number, network in enumerate(self.networks)
            for name, value in network.state_dict().items()
        }
        with atomic(folder / WEIGHTS) as unfinished:
            save_file(state, unfinished)
        targets = asdict(replace(self.targets, covariates=()))
        targets["covariates"] = [one.to_dict() for one in self.targets.covariates]
        write_json(
            {"format": FORMAT, "size": self.size, "brightness": list(self.brightness), "targets": targets}
            | {"weights_sha256": sha256_of(folder / WEIGHTS), "training": self.facts},
            folder / FACTS,
        )

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> Regressor:
        """Load what :meth:`save` wrote; nothing is unpickled.

        Raises:
            MrisynthError: a file is missing, damaged, of another version, or not the one that the other names.
        """
        folder = Path(folder)
        state, facts = read_trained(folder / WEIGHTS, folder / FACTS, known=FORMAT, what="regressor")
        told = facts["targets"]
        targets = Targets(
            covariates=tuple(map(Covariate.from_dict, told["covariates"])), middles=tuple(told["middles"]),
            spreads=tuple(told["spreads"]), weights=tuple(map(tuple, told["weights"])),
        )  # fmt: skip
        settings, networks = facts["training"]["settings"], []
        for number in range(settings["members"]):
            network = _network(targets, facts["size"], RegressorSettings(**settings))
            mine = f"member{number}."
            own = {name.removeprefix(mine): part for name, part in state.items() if name.startswith(mine)}
            fill(network, own, source=folder / WEIGHTS)
            networks.append(network.to(device).eval().requires_grad_(requires_grad=False))
        return cls(
            networks=networks, targets=targets, size=facts["size"], brightness=tuple(facts["brightness"]),
            facts=facts["training"], device=device,
        )  # fmt: skip


def train_regressor(
    train: LabelledSlices, validation: LabelledSlices, covariates: Sequence[Covariate], *, seed: int,
    settings: RegressorSettings | None = None, device: str = "cpu",
) -> Regressor:  # fmt: skip
    """Return networks that measure covariates, trained on real slices.

    Each member keeps the weights of the epoch with the lowest loss on the validation participants. A slice counts for
    the covariates that are known of it. On one device with the same number of threads the same seed gives the same
    networks.

    Args:
        train: slices to learn from.
        validation: slices of other participants, with some known value.
        covariates: of the columns of the values.
        seed: the study's seed.
        settings: None takes the defaults, which suit some hundreds of slices.
        device: ``cpu`` or ``cuda``.

    Raises:
        MrisynthError: the sets do not belong together, share a participant, or a covariate cannot be learned.
    """
    settings = settings or RegressorSettings()
    sets = [_checked(one, covariates, size=train.images.shape[-1]) for one in (train, validation)]
    if shared := sorted(set(train.participants) & set(validation.participants)):
        raise MrisynthError(f"{shared[0]} is in the training and in the validation set; split by participant.")
    if not np.isfinite(sets[1]).any():
        raise MrisynthError("No validation slice has a known covariate; nothing says when to stop training.")
    targets = Targets.of(covariates, sets[0])
    brightness = (float(train.images.mean()) / 255.0, max(float(train.images.std()) / 255.0, 1e-3))
    progress = Progress("covariate regressor", settings.members * settings.epochs)
    size, networks, kept = train.images.shape[-1], [], []
    for number in range(settings.members):
        own = derive_seed(seed, "covariate regressor", number)
        with torch.random.fork_rng(devices=[]), torch.backends.cudnn.flags(deterministic=True, benchmark=False):
            torch.manual_seed(own)
            network = _network(targets, size, settings).to(device)
            one = Regressor(networks=[network], targets=targets, size=size, brightness=brightness, device=device)
            kept.append(_train(one, (train.images, sets[0]), (validation.images, sets[1]), settings, own, progress))
        networks.append(network.eval().requires_grad_(requires_grad=False))
    known = np.isfinite(sets[0])
    facts = {
        "settings": asdict(settings), "seed": seed, "members": kept, "training_slices": len(sets[0]),
        "training_participants": len(set(train.participants)), "validation_slices": len(sets[1]),
        "validation_participants": len(set(validation.participants)), "known_slices": known.sum(axis=0).tolist(),
    }  # fmt: skip
    return Regressor(networks=networks, targets=targets, size=size, brightness=brightness, facts=facts, device=device)


def _train(
    one: Regressor, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray],
    settings: RegressorSettings, seed: int, progress: Progress,
) -> dict[str, float]:  # fmt: skip
    """Train the single network in place and return its best epoch and validation loss."""
    network, generator = one.networks[0], torch.Generator().manual_seed(seed)
    rows = torch.from_numpy(np.flatnonzero(np.isfinite(train[1]).any(axis=1)))
    images, values = torch.from_numpy(np.array(train[0])), torch.from_numpy(train[1])
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    steps = settings.epochs * -(-len(rows) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=settings.learning_rate, total_steps=steps)
    pixels, best, kept, done = settings.shift * one.size, np.inf, {}, 0
    empty = -one.brightness[0] / one.brightness[1]  # what black is to the network; it also stands outside
    for epoch in range(settings.epochs):
        network.train()
        for part in rows[torch.randperm(len(rows), generator=generator)].split(settings.batch):
            if len(part) < 2:
                continue  # a norm over a batch of one says nothing
            shown = shifted(one.shown(images[part]) - empty, pixels=pixels, generator=generator) + empty
            loss = one.targets.loss(network(shown), values[part].to(one.device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        found, done = _loss(one, *validation), done + 1
        progress.advance(note=f"validation loss {found:.3f}")
        if found < best:
            best, kept = found, {"epoch": epoch, "validation_loss": found}
            weights = copy.deepcopy(network.state_dict())
        if epoch - kept.get("epoch", epoch) >= settings.patience:
            break
    if not kept:
        raise MrisynthError("The training of the covariate regressor diverged; choose a lower learning rate.")
    network.load_state_dict(weights)
    if done < settings.epochs:
        progress.advance(settings.epochs - done)
    return kept


@torch.inference_mode()
def _loss(one: Regressor, images: np.ndarray, values: np.ndarray) -> float:
    network = one.networks[0].eval()
    parts = torch.from_numpy(np.array(images)).split(_TOGETHER)
    outputs = torch.cat([network(one.shown(part)).cpu() for part in parts])
    return float(one.targets.loss(outputs, torch.from_numpy(values)))


def _network(targets: Targets, size: int, settings: RegressorSettings) -> CovariateRegressor:
    return CovariateRegressor(sum(targets.widths), size=size, width=settings.width, dropout=settings.dropout)


def _checked(one: LabelledSlices, covariates: Sequence[Covariate], *, size: int) -> np.ndarray:
    """Return the values of a set as float64, once the set is seen to be one."""
    _check_images(one.images, size)
    values = checked_table(one.values, covariates)
    if not len(one.images) == len(values) == len(one.participants):
        raise MrisynthError(
            f"Found {len(one.images)} slices, {len(values)} rows of values and {len(one.participants)} participants; "
            "expected one of each for every slice."
        )
    return values


def _check_images(images: np.ndarray, size: int) -> None:
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (size, size):
        raise MrisynthError(
            f"Found images of type {images.dtype} and shape {images.shape}; the covariate regressor takes uint8 grey "
            f"slices [n, {size}, {size}]."
        )
